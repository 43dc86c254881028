"""The list of an approver: what waits, what is new, what can be answered together."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from apps.access.models import User
from apps.approvals.models import (
    ApprovalRequest,
    Look,
    Question,
    Snooze,
    Vote,
)
from apps.approvals.queries.rights import open_for, queue_ids, visible
from apps.approvals.rules import BULK_RISKS, MOST_AT_ONCE
from apps.common.clock import now

LISTED = 50
COUNTED = 1_000


def waiting_count(user: Any) -> int:
    """What waits for the person, for the rail; capped, and counted once per request."""
    if not queue_ids(user):
        return 0
    cached: int | None = getattr(user, "_waiting", None)
    if cached is None:
        cached = user._waiting = open_for(user).order_by()[:COUNTED].count()
    return cached


VIEWS = {
    "mine": "For me",
    "claimed": "Claimed by me",
    "snoozed": "Snoozed",
    "asked": "Asked back",
    "late": "Past due soon",
    "all": "All open",
    "decided": "Decided by me",
}


@dataclass(frozen=True)
class Inbox:
    """The list on the left, and what the head of the page says about it."""

    items: list[ApprovalRequest]
    more: bool
    waiting: int
    version: str


def inbox(
    user: User,
    *,
    view: str,
    queue: str = "",
    risk: str = "",
    search: str = "",
    moment: dt.datetime | None = None,
) -> Inbox:
    rows = in_view(user, view, moment)
    if queue:
        rows = rows.filter(queue__slug=queue)
    if risk:
        rows = rows.filter(risk=risk)
    if search:
        rows = rows.filter(matching(search))
    ordered = ("-decided_at", "-pk") if view == "decided" else ("decide_by", "pk")
    found = list(rows.order_by(*ordered)[: LISTED + 1])
    page = found[:LISTED] if view == "decided" else collapsed(found[:LISTED])
    # Counted for the page alone: counting in the query would count for every open request first.
    cast, asked = approvals_cast(page), open_questions(page)
    for row in page:
        row.asked_back = asked.get(row.pk, "")  # type: ignore[attr-defined]
        row.cast = cast.get(row.pk, 0)  # type: ignore[attr-defined]
    version = pulse(user)
    return Inbox(page, len(found) > LISTED, waiting_count(user), version)


def collapsed(rows: list[ApprovalRequest]) -> list[ApprovalRequest]:
    """The very same wish of an agent, asked several times, is one line: the first that is due,
    with the number of `copies`. The next of them takes its place once it is decided."""
    firsts: dict[tuple[int, str], ApprovalRequest] = {}
    for row in rows:
        first = firsts.setdefault((row.agent_id, row.intent_digest), row)
        first.copies = getattr(first, "copies", 0) + 1  # type: ignore[attr-defined]
    return list(firsts.values())


def approvals_cast(rows: Iterable[ApprovalRequest]) -> dict[uuid.UUID, int]:
    votes = Vote.objects.filter(request__in=list(rows), void=False, choice="approve")
    counted = votes.values_list("request_id").annotate(number=Count("pk")).order_by()
    return dict(counted)


def open_questions(rows: Iterable[ApprovalRequest]) -> dict[uuid.UUID, str]:
    """Whom these requests wait for, beside the people who decide."""
    found = Question.objects.filter(request__in=list(rows), answered_at=None)
    return {row.request_id: str(row.asked) for row in found.select_related("asked").order_by("at")}


def matching(search: str) -> Q:
    number = search.upper().removeprefix("C-")
    words = Q(title__icontains=search) | Q(agent_label__icontains=search)
    return words | Q(number=int(number)) if number.isdecimal() and len(number) < 15 else words


def in_view(user: User, view: str, moment: dt.datetime | None = None) -> QuerySet[ApprovalRequest]:
    if view == "decided":
        mine = Vote.objects.filter(request_id=OuterRef("pk"), voter=user)
        return visible(user).filter(Exists(mine))
    if view == "all":
        return visible(user).filter(status="pending")
    rows, moment = open_for(user), moment or now()
    snoozed = Snooze.objects.filter(request_id=OuterRef("pk"), user=user, until__gt=moment)
    if view == "snoozed":
        return rows.filter(Exists(snoozed))
    unanswered = Question.objects.filter(request_id=OuterRef("pk"), answered_at=None)
    if view == "asked":
        return rows.filter(Exists(unanswered))
    rows = rows.exclude(Exists(snoozed)).exclude(Exists(unanswered.filter(asker=user)))
    if view == "claimed":
        return rows.filter(holder=user, lease_until__gt=moment)
    if view == "late":
        return rows.filter(respond_by__lte=moment)
    return rows


def pulse(user: User) -> str:
    """A short text that changes when something new came into the person's inbox."""
    rows = open_for(user).order_by("-created_at").values_list("pk", flat=True)[:COUNTED]
    newest = list(rows)
    user._waiting = len(newest)  # type: ignore[attr-defined]  # what waiting_count would count
    return f"{len(newest)}-{newest[0] if newest else None}"


def newer_than(user: User, version: str) -> int:
    """How many requests came since the pulse `version` that the page was made with."""
    _, _, last = version.partition("-")
    try:
        since = ApprovalRequest.with_seeds.filter(pk=uuid.UUID(last)).values_list("created_at")[:1]
    except ValueError:
        return waiting_count(user)
    rows = open_for(user).filter(created_at__gt=since[0][0]) if since else open_for(user)
    return rows.order_by()[:COUNTED].count()


def looked_at(user: User, requests: Iterable[uuid.UUID]) -> int:
    """How many of these requests the person has opened."""
    return Look.objects.filter(user=user, request_id__in=list(requests)).count()


def bulk_groups(user: User) -> list[tuple[str, str, int]]:
    """(action, rule, number) of what the person could answer together."""
    rows = open_for(user).filter(risk__in=BULK_RISKS).order_by()
    groups = rows.values("tool", "rule_key").annotate(number=Count("pk")).filter(number__gte=2)
    return [
        (row["tool"], row["rule_key"], row["number"]) for row in groups.order_by("-number")[:20]
    ]


def in_group(user: User, tool: str, rule: str) -> list[ApprovalRequest]:
    rows = open_for(user).filter(tool=tool, rule_key=rule, risk__in=BULK_RISKS)
    return list(rows.order_by("decide_by", "pk")[:MOST_AT_ONCE])


def looks_of(user: User, rows: Iterable[ApprovalRequest]) -> set[uuid.UUID]:
    found = Look.objects.filter(user=user, request__in=list(rows))
    return set(found.values_list("request_id", flat=True))


def next_after(user: User, request: ApprovalRequest) -> ApprovalRequest | None:
    """The person's next item in due order, after a decision."""
    return open_for(user).exclude(pk=request.pk).order_by("decide_by", "pk").first()
