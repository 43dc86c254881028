"""How the queues are doing."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest, Vote
from apps.approvals.queries.lists import COUNTED
from apps.approvals.queries.rights import queue_ids, visible
from apps.common.clock import now

INSIGHT = 10_000
ANSWERED = ("approved", "rejected", "returned")
LONGEST_DAYS = 365


@dataclass(frozen=True)
class InsightFilters:
    """What the figures are about; `queue` and `tool` are "" for all of the reader's."""

    days: int = 30
    queue: str = ""
    tool: str = ""

    def narrow(self, rows: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
        if self.queue:
            rows = rows.filter(queue__slug=self.queue)
        return rows.filter(tool=self.tool) if self.tool else rows


@dataclass(frozen=True)
class Period:
    """Figures of one stretch of time; medians in minutes, None where there is nothing."""

    ended: int
    answered: int
    approved: int
    expired: int
    reversed_later: int
    first_look: float | None
    decision: float | None

    @property
    def approval_rate(self) -> float | None:
        return share(self.approved, self.answered)

    @property
    def reversal_rate(self) -> float | None:
        return share(self.reversed_later, self.approved)

    @property
    def expiry_rate(self) -> float | None:
        return share(self.expired, self.ended)


@dataclass(frozen=True)
class Insight:
    """How questions were dealt with. `covered` is how many the figures rest on: the newest of the
    window, at most INSIGHT. `earlier` and `later` are the halves of the window, for the trend."""

    filters: InsightFilters
    covered: int
    more: bool
    asked: int
    open_now: int
    past_due: int
    statuses: dict[str, int]
    whole: Period
    earlier: Period
    later: Period
    minutes_each: int
    people: list[tuple[str, int, int]]
    by_day: dict[str, dict[str, int]]
    tools: list[str] = field(default_factory=list)

    @property
    def hours(self) -> float:
        return round(self.whole.answered * self.minutes_each / 60, 1)

    @property
    def days(self) -> int:
        return self.filters.days


@dataclass(frozen=True)
class Ended:
    """One request that is no longer open."""

    status: str
    created_at: dt.datetime
    first_seen_at: dt.datetime | None
    decided_at: dt.datetime
    execution: str
    tool: str


FIELDS = ("status", "created_at", "first_seen_at", "decided_at", "execution", "tool")


def insight(reader: User, filters: InsightFilters | None = None) -> Insight:
    """The figures of the queues that the reader may see; known-answer items are left out."""
    chosen = filters or InsightFilters()
    moment = now()
    since = moment - dt.timedelta(days=chosen.days)
    rows = chosen.narrow(visible(reader).filter(is_seed=False))
    opened = rows.filter(status="pending").order_by()
    ended = rows.filter(decided_at__gte=since).order_by("-decided_at")
    found = [Ended(*row) for row in ended.values_list(*FIELDS)[: INSIGHT + 1]]
    more, found = len(found) > INSIGHT, found[:INSIGHT]
    by_day: dict[str, Counter[str]] = {}
    for row in found:
        by_day.setdefault(row.status, Counter())[f"{row.decided_at:%Y-%m-%d}"] += 1
    middle = since + (moment - since) / 2
    return Insight(
        filters=chosen,
        covered=len(found),
        more=more,
        asked=rows.filter(created_at__gte=since).order_by()[: INSIGHT + 1].count(),
        open_now=opened[:COUNTED].count(),
        past_due=opened.filter(respond_by__lte=moment, first_seen_at=None)[:COUNTED].count(),
        statuses=dict(Counter(row.status for row in found)),
        whole=period(found),
        earlier=period([row for row in found if row.decided_at < middle]),
        later=period([row for row in found if row.decided_at >= middle]),
        minutes_each=int(settings.COUNCIL["REVIEW_MINUTES"]),
        people=load_by_person(reader, since, chosen),
        by_day={status: dict(counts) for status, counts in by_day.items()},
        tools=sorted({row.tool for row in found} | ({chosen.tool} if chosen.tool else set())),
    )


def period(rows: list[Ended]) -> Period:
    looks = [minutes(row.created_at, row.first_seen_at) for row in rows if row.first_seen_at]
    answered = [row for row in rows if row.status in ANSWERED]
    takes = [minutes(row.created_at, row.decided_at) for row in answered]
    return Period(
        ended=len(rows),
        answered=len(answered),
        approved=sum(row.status == "approved" for row in rows),
        expired=sum(row.status == "expired" for row in rows),
        reversed_later=sum(row.execution == "rolled_back" for row in rows),
        first_look=statistics.median(looks) if looks else None,
        decision=statistics.median(takes) if takes else None,
    )


def share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def minutes(start: dt.datetime, end: dt.datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)


def load_by_person(
    reader: User, since: dt.datetime, filters: InsightFilters
) -> list[tuple[str, int, int]]:
    """(person, answers, of them approvals), most first; of the reader's own queues."""
    votes = Vote.objects.filter(cast_at__gte=since, void=False).order_by("-cast_at")
    if not holds(reader, "approvals.view"):
        votes = votes.filter(request__queue_id__in=queue_ids(reader))
    if filters.queue:
        votes = votes.filter(request__queue__slug=filters.queue)
    if filters.tool:
        votes = votes.filter(request__tool=filters.tool)
    answers, approvals = Counter[str](), Counter[str]()
    for name, choice in votes.values_list("voter_label", "choice")[:INSIGHT]:
        answers[name] += 1
        approvals[name] += choice == "approve"
    return [(name, number, approvals[name]) for name, number in answers.most_common(50)]


HEAD = ("reference", "queue", "tool", "risk", "status", "asked", "first looked at", "decided",
        "execution")  # fmt: skip


def insight_lines(reader: User, filters: InsightFilters) -> Iterator[tuple[object, ...]]:
    """The requests that the figures rest on, newest first, for a table to download."""
    since = now() - dt.timedelta(days=filters.days)
    rows = filters.narrow(visible(reader).filter(is_seed=False, decided_at__gte=since))
    yield HEAD
    for row in rows.order_by("-decided_at")[:INSIGHT]:
        yield (
            row.reference,
            row.queue.slug,
            row.tool,
            row.risk,
            row.status,
            row.created_at.isoformat(),
            row.first_seen_at.isoformat() if row.first_seen_at else "",
            row.decided_at.isoformat() if row.decided_at else "",
            row.execution,
        )
