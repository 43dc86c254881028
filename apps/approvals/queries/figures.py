"""How the queues are doing."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from dataclasses import dataclass

from django.conf import settings

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import (
    Vote,
)
from apps.approvals.queries.lists import COUNTED
from apps.approvals.queries.rights import queue_ids, visible
from apps.common.clock import now


@dataclass(frozen=True)
class Insight:
    """How questions were dealt with; medians in minutes. `covered` is how many the figures rest
    on: the newest of the window, at most INSIGHT."""

    days: int
    covered: int
    more: bool
    open_now: int
    past_due: int
    statuses: dict[str, int]
    first_look: float | None
    decision: float | None
    hours: float
    people: list[tuple[str, int, int]]
    by_day: dict[str, dict[str, int]]
    reversed_later: int


INSIGHT = 10_000


def insight(reader: User, days: int = 30) -> Insight:
    """The figures of the queues that the reader may see."""
    moment = now()
    rows = visible(reader).filter(is_seed=False)
    opened = rows.filter(status="pending").order_by()
    ended = rows.filter(decided_at__gte=moment - dt.timedelta(days=days)).order_by("-decided_at")
    found = list(
        ended.values_list("pk", "status", "created_at", "first_seen_at", "decided_at", "execution")[
            : INSIGHT + 1
        ]
    )
    more, found = len(found) > INSIGHT, found[:INSIGHT]
    statuses = Counter(row[1] for row in found)
    looks = [minutes(row[2], row[3]) for row in found if row[3]]
    takes = [minutes(row[2], row[4]) for row in found if row[1] in ANSWERED and row[4]]
    by_day: dict[str, Counter[str]] = {}
    for row in found:
        by_day.setdefault(row[1], Counter())[f"{row[4]:%Y-%m-%d}"] += 1
    return Insight(
        days=days,
        covered=len(found),
        more=more,
        open_now=opened[:COUNTED].count(),
        past_due=opened.filter(respond_by__lte=moment, first_seen_at=None)[:COUNTED].count(),
        statuses=dict(statuses),
        first_look=statistics.median(looks) if looks else None,
        decision=statistics.median(takes) if takes else None,
        hours=round(len(takes) * int(settings.COUNCIL["REVIEW_MINUTES"]) / 60, 1),
        people=load_by_person(reader, moment - dt.timedelta(days=days)),
        by_day={status: dict(counts) for status, counts in by_day.items()},
        reversed_later=sum(row[5] == "rolled_back" for row in found),
    )


ANSWERED = ("approved", "rejected", "returned")


def minutes(start: dt.datetime, end: dt.datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)


def load_by_person(reader: User, since: dt.datetime) -> list[tuple[str, int, int]]:
    """(person, answers, of them approvals), most first; of the reader's own queues."""
    votes = Vote.objects.filter(cast_at__gte=since, void=False).order_by("-cast_at")
    if not holds(reader, "approvals.view"):
        votes = votes.filter(request__queue_id__in=queue_ids(reader))
    answers, approvals = Counter[str](), Counter[str]()
    for name, choice in votes.values_list("voter_label", "choice")[:INSIGHT]:
        answers[name] += 1
        approvals[name] += choice == "approve"
    return [(name, number, approvals[name]) for name, number in answers.most_common(50)]
