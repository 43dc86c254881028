from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.queries import open_for, waiting_count
from apps.common.clock import now
from apps.common.errors import Absent
from apps.council import rules
from apps.council.models import (
    Ballot,
    Certification,
    Comment,
    Elector,
    Measure,
    Motion,
    Seat,
    Sitting,
)
from apps.council.states import OPEN, MeasureStatus, MotionStatus, ObjectionStatus
from apps.orchestration.models import Run
from apps.orchestration.queries import attention
from apps.policies.bench import rules_in_force
from apps.policies.models import JudgedRequest
from apps.policies.queries import in_force
from apps.registry.models import Agent
from apps.registry.queries import live_grants
from apps.runtime.models import Action

COUNTED = 10_000
SHOWN = 50
UNUSED_DAYS = 90


def live_seats() -> QuerySet[Seat]:
    """Seats held now by people who can sign in."""
    moment = now()
    ended = Q(ends_at__isnull=False, ends_at__lte=moment)
    found: QuerySet[Seat] = Seat.objects.filter(starts_at__lte=moment, user__is_active=True)
    return found.exclude(ended).select_related("user", "alternate")


def plain_elector(elector: Elector) -> rules.Elector:
    return rules.Elector(
        elector.user_id,
        elector.function,
        elector.affiliation,
        elector.recused,
        elector.may_veto,
    )


def electorate_of(motion: Motion) -> list[rules.Elector]:
    """The electorate of the running round. Whoever lost their seat for cause and had not voted
    is taken out of it; everybody else stays as they stood."""
    rows = list(Elector.objects.filter(motion=motion, round=motion.round).order_by("pk"))
    voted = set(
        Ballot.objects.filter(motion=motion, round=motion.round, void=False).values_list(
            "user_id", flat=True
        )
    )
    gone = set(
        Seat.objects.filter(
            user__in=[row.user_id for row in rows],
            ended_for_cause=True,
            ends_at__gte=motion.ballot_opened_at or now(),
        ).values_list("user_id", flat=True)
    )
    out = gone - voted
    return [plain_elector(row) for row in rows if row.user_id not in out]


def votes_of(motion: Motion) -> list[rules.Vote]:
    """Valid ballots of the running round, in the order in which they were cast."""
    rows = Ballot.objects.filter(motion=motion, round=motion.round, void=False)
    return [
        rules.Vote(row.user_id, row.choice, row.reason) for row in rows.order_by("cast_at", "pk")
    ]


def motion(reader: User, number: int) -> Motion:
    if not holds(reader, "council.view"):
        raise Absent
    rows = Motion.objects.select_related("proposer", "seconder", "version__policy", "agent__owner")
    found = rows.filter(number=number).first()
    if found is None:
        raise Absent
    return found


@dataclass(frozen=True)
class Row:
    """A motion for the list: how far it is, and what the reader owes it."""

    motion: Motion
    cast: int
    eligible: int
    owed: bool


def decisions(
    reader: User, *, view: str = "open", kind: str = "", before: int | None = None
) -> list[Row]:
    """Motions for the list, newest first; a page at a time by number."""
    if not holds(reader, "council.view"):
        return []
    rows = Motion.objects.select_related("proposer")
    if view == "open":
        rows = rows.filter(status__in=OPEN)
    elif view == "mine":
        rows = rows.filter(pk__in=owed(reader).values("pk"))
    elif view == "past":
        rows = rows.exclude(status__in=OPEN)
    if kind:
        rows = rows.filter(kind=kind)
    if before is not None:
        rows = rows.filter(number__lt=before)
    page = list(rows.order_by("-number")[: SHOWN + 1])
    return rows_of(reader, page)


def rows_of(reader: User, motions: Sequence[Motion]) -> list[Row]:
    electors = Elector.objects.filter(motion__in=motions, round=F("motion__round"))
    eligible = dict(
        electors.filter(recused=False).values_list("motion").annotate(number=Count("pk")).order_by()
    )
    voters = Ballot.objects.filter(motion__in=motions, round=F("motion__round"), void=False)
    cast = dict(
        voters.values_list("motion").annotate(number=Count("user", distinct=True)).order_by()
    )
    mine = set(owed(reader).values_list("pk", flat=True))
    return [
        Row(each, cast.get(each.pk, 0), eligible.get(each.pk, 0), each.pk in mine)
        for each in motions
    ]


def owed(reader: User) -> QuerySet[Motion]:
    """Open ballots in which the reader may vote and has not."""
    may = Elector.objects.filter(user=reader, recused=False, round=F("motion__round"))
    voted = Ballot.objects.filter(user=reader, void=False, round=F("motion__round"))
    return Motion.objects.filter(status=MotionStatus.BALLOT, pk__in=may.values("motion")).exclude(
        pk__in=voted.values("motion")
    )


@dataclass(frozen=True)
class BallotView:
    """The ballot as one reader may see it: the tally stays hidden until they have voted or it is
    closed; those without a vote see it at the close."""

    electors: list[Elector]
    cast: int
    quorum: int
    mine: Ballot | None
    may_vote: bool
    why_not: str
    tally: rules.Tally | None
    votes: list[Ballot]


def ballot(reader: User, motion: Motion, constitution: rules.Constitution) -> BallotView | None:
    if motion.round == 0:
        return None
    electors = list(
        Elector.objects.filter(motion=motion, round=motion.round)
        .select_related("user")
        .order_by("function", "pk")
    )
    rows = list(
        Ballot.objects.filter(motion=motion, round=motion.round)
        .select_related("user")
        .order_by("cast_at", "pk")
    )
    mine = next((row for row in reversed(rows) if row.user_id == reader.pk and not row.void), None)
    elector = next((each for each in electors if each.user_id == reader.pk), None)
    is_open = motion.status == MotionStatus.BALLOT
    found = rules.tally(
        electorate_of(motion),
        votes_of(motion),
        constitution.rules_for(motion.klass, loosens=motion.loosens),
    )
    visible = not is_open or mine is not None
    latest = {row.user_id: row for row in rows if not row.void}
    return BallotView(
        electors=electors,
        cast=found.cast,
        quorum=found.quorum_needed,
        mine=mine,
        may_vote=is_open and elector is not None and not elector.recused,
        why_not=why_not(elector),
        tally=found if visible else None,
        votes=list(latest.values()) if visible else [],
    )


def why_not(elector: Elector | None) -> str:
    if elector is None:
        return "You were not on the council when this ballot opened."
    return elector.recusal_reason


def comments(motion: Motion) -> list[Comment]:
    return list(Comment.objects.filter(motion=motion).order_by("at", "pk")[:500])


def open_objections(motion: Motion) -> int:
    return Comment.objects.filter(motion=motion, status=ObjectionStatus.OPEN).count()


def measures(reader: User, *, live: bool = True) -> list[Measure]:
    """Emergency measures that are asked for or in force (or the newest of all)."""
    if not holds(reader, "council.view"):
        return []
    rows = Measure.objects.select_related("asked_by", "seconded_by", "motion")
    if live:
        rows = rows.filter(status__in=(MeasureStatus.ASKED, MeasureStatus.IN_FORCE))
    return list(rows.order_by("-asked_at")[:SHOWN])


def has_power(user: User) -> bool:
    """Whether the person may take emergency measures."""
    return live_seats().filter(user=user, function__in=rules.POWERS).exists()


@dataclass(frozen=True)
class Forecast:
    """Whether a sitting could decide an item: who may vote, and how many a quorum needs."""

    motion: Motion
    eligible: int
    recused: list[str]
    quorum: int
    enough: bool


def forecast(
    motions: Sequence[Motion], constitution: rules.Constitution, ties: Any
) -> list[Forecast]:
    seats = list(live_seats())
    found = []
    for each in motions:
        body = [
            rules.Elector(
                seat.user_id,
                seat.function,
                recused=bool(rules.recusal(ties(seat.user, each), each.klass)),
            )
            for seat in seats
        ]
        needs = constitution.rules_for(each.klass, loosens=each.loosens)
        eligible = sum(not elector.recused for elector in body)
        quorum = max(needs.fewest, rules.needed(needs.quorum, eligible, strict=needs.quorum_strict))
        recused = [str(s.user) for s, e in zip(seats, body, strict=True) if e.recused]
        enough = rules.can_decide(body) and eligible >= quorum
        found.append(Forecast(each, eligible, recused, quorum, enough))
    return found


def open_motions() -> list[Motion]:
    rows = Motion.objects.filter(status__in=OPEN).select_related("agent", "version", "proposer")
    return list(rows.order_by("number")[:SHOWN])


def certifications(until: dt.date) -> list[Certification]:
    """What falls due until the day, and is still there to be certified."""
    rows = list(Certification.objects.filter(due_on__lte=until).order_by("due_on", "pk")[:200])
    grants = set(live_grants().values_list("pk", flat=True))
    return [row for row in rows if row.object_type != "grant" or row.object_id in grants]


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
    old = {
        version.policy.slug
        for version in in_force()
        if version.activated_at and version.activated_at <= since
    }
    matched: set[str] = set()
    rows = JudgedRequest.objects.exclude(effect="allow").order_by("-at", "-pk")
    for found in rows.values_list("rules", flat=True)[:COUNTED]:
        matched.update(found)
    return [
        (each.rule.policy, each.rule.rule_id)
        for each in rules_in_force()
        if each.rule.policy in old and each.rule.key not in matched
    ]


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


def overview(user: User) -> dict[str, Any]:
    """What needs this person, then how the agents are doing; only what they may see."""
    context: dict[str, Any] = {
        "waiting": waiting_count(user),
        "next": list(open_for(user).order_by("decide_by", "pk")[:5]),
        "attention": attention(user)[:5],
    }
    if holds(user, "council.view"):
        context["owed"] = list(owed(user).order_by("ballot_closes_at")[:5])
        context["measures"] = measures(user)
        context["has_power"] = bool(context["measures"]) and has_power(user)
    if holds(user, "runs.view"):
        since = now() - dt.timedelta(hours=24)
        context["verdicts"] = verdicts(since)
        context["runs"] = Run.objects.select_related("workflow").order_by("-created_at")[:6]
    if holds(user, "agents.view"):
        context["agents"] = Agent.objects.select_related("owner").order_by("name")[:8]
    if holds(user, "policies.view"):
        context["policies"] = list(in_force())[:8]
    return context


def verdicts(since: dt.datetime) -> dict[str, int]:
    """How the newest actions of the window were judged; what is counted is bounded."""
    newest = Action.objects.filter(at__gte=since).order_by("-at", "-pk").values("pk")[:COUNTED]
    rows = Action.objects.filter(pk__in=newest).values("verdict").annotate(number=Count("pk"))
    found = {"allow": 0, "review": 0, "deny": 0}
    return found | {row["verdict"]: row["number"] for row in rows.order_by()}
