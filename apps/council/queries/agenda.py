from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now
from apps.common.errors import Absent
from apps.council import rules
from apps.council.models import Certification, Motion, Seat, Sitting
from apps.council.queries.seats import TiesOf, live_seats, places
from apps.incidents.models import Incident
from apps.incidents.queries import incidents
from apps.policies.models import JudgedRequest
from apps.policies.queries import in_force
from apps.policies.text import compile_text
from apps.registry.queries import live_grants
from apps.runtime.models import Action

UNUSED_DAYS = 90

COUNTED = 10_000


@dataclass(frozen=True)
class Forecast:
    """Whether a sitting could decide an item: who may vote, and how many a quorum needs."""

    motion: Motion
    eligible: int
    recused: list[str]
    standing_in: list[str]
    quorum: int
    enough: bool


def forecast(
    motions: Sequence[Motion],
    constitution: rules.Constitution,
    ties_of: TiesOf,
    seats: Sequence[Seat] | None = None,
) -> list[Forecast]:
    """What a ballot that opened now would look like. Where one is open already, its electorate is
    fixed and its page shows it."""
    seats = list(live_seats()) if seats is None else seats
    found = []
    for each in motions:
        sitting = places(each, seats, ties_of)
        body = [
            rules.Elector(place.user.pk, place.seat.function, recused=bool(place.recusal))
            for place in sitting
        ]
        needs = constitution.rules_for(each.klass, loosens=each.loosens)
        eligible = sum(not elector.recused for elector in body)
        quorum = max(needs.fewest, rules.needed(needs.quorum, eligible, strict=needs.quorum_strict))
        recused = [str(place.user) for place in sitting if place.recusal]
        instead = [f"{place.user} for {place.seat.user}" for place in sitting if place.because]
        enough = rules.can_decide(body) and eligible >= quorum
        found.append(Forecast(each, eligible, recused, instead, quorum, enough))
    return found


def certifications(until: dt.date) -> list[Certification]:
    """What falls due until the day, and is still there to be certified."""
    there = ~Q(object_type="grant") | Exists(live_grants().filter(pk=OuterRef("object_id")))
    rows = Certification.objects.filter(there, due_on__lte=until)
    return list(rows.order_by("due_on", "pk")[:200])


def unused_grants() -> list[Any]:
    """Permissions that nobody has used for 90 days (or since they were given, if that is longer
    ago than a week): they come onto the agenda by themselves."""
    moment = now()
    since, young = moment - dt.timedelta(days=UNUSED_DAYS), moment - dt.timedelta(days=7)
    used = Action.objects.filter(at__gte=since).values("agent_id", "tool_id").distinct()
    pairs = {(row["agent_id"], row["tool_id"]) for row in used.order_by()}
    grants = live_grants().filter(starts_at__lte=young).select_related("agent", "tool")
    return [g for g in grants.order_by("pk")[:500] if (g.agent_id, g.tool_id) not in pairs]


def silent_rules() -> list[tuple[str, str]]:
    """Rules in force for a week that matched nothing among the newest judged requests."""
    since = now() - dt.timedelta(days=7)
    versions = list(in_force())
    matched: set[str] = set()
    rows = JudgedRequest.objects.exclude(effect="allow").order_by("-at", "-pk")
    for found in rows.values_list("rules", flat=True)[:COUNTED]:
        matched.update(found)
    return [
        (each.rule.policy, each.rule.rule_id)
        for version in versions
        if version.activated_at and version.activated_at <= since
        for each in compile_text(version.text, policy=version.policy.slug, version=version.number)
        if each.rule.key not in matched
    ]


def incidents_in_review(reader: User) -> list[Incident]:
    """What went wrong and waits for the council's review, the gravest first."""
    rows = incidents(reader).filter(status="in_review")
    return list(rows.order_by("severity", "detected_at")[:50])


def decided_in(sitting: Sitting) -> list[Motion]:
    """What was counted while the sitting was open, as it falls."""
    if sitting.opened_at is None:
        return []
    rows = Motion.objects.filter(closed_at__gte=sitting.opened_at)
    if sitting.closed_at is not None:
        rows = rows.filter(closed_at__lte=sitting.closed_at)
    return list(rows.order_by("closed_at")[:200])


def sittings(reader: User) -> list[Sitting]:
    if not holds(reader, "council.view"):
        return []
    return list(Sitting.objects.order_by("-starts_at")[:20])


def sitting(reader: User, number: int) -> Sitting:
    if not holds(reader, "council.view"):
        raise Absent
    found = Sitting.objects.filter(number=number).select_related("called_by").first()
    if found is None:
        raise Absent
    return found
