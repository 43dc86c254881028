"""How awake approvers are: private to the person, in sums for everybody else."""

from __future__ import annotations

import datetime as dt
import statistics
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from apps.access.models import User
from apps.approvals import intervals, planting
from apps.approvals.models import (
    ApprovalRequest,
    Exposure,
    Look,
    Programme,
    Queue,
    SecondLook,
    Seed,
    SeedTemplate,
    Vote,
)
from apps.approvals.queries.rights import own_queue_ids
from apps.common.clock import now
from apps.common.errors import Absent

WINDOW = dt.timedelta(days=180)
QUARTER = dt.timedelta(days=91)
WANTED_PER_QUARTER = 60
COUNTED = 2_000


@dataclass(frozen=True)
class Rate:
    """A share, with the interval that its number allows."""

    hits: int
    number: int

    @property
    def percent(self) -> int | None:
        return round(100 * self.hits / self.number) if self.number else None

    @property
    def interval(self) -> tuple[int, int]:
        low, high = intervals.wilson(self.hits, self.number)
        return round(100 * low), round(100 * high)

    @property
    def bound(self) -> float:
        """s_L at the stricter of the two confidences of autonomy.md 2.2."""
        return intervals.sensitivity(self.hits, self.number, 0.01)

    @property
    def tells(self) -> bool:
        return self.number >= planting.SAY


@dataclass(frozen=True)
class Vigilance:
    """One person's own figures."""

    found: Rate
    false_alarms: Rate
    looks: list[tuple[str, float, int]]
    run: int
    last_hour: int
    approvals: int
    reversed_later: int
    agreement: Rate
    revealed: list[Exposure]
    low: bool


def programme() -> Programme | None:
    found: Programme | None = Programme.objects.first()
    return found


def answered(**where: Any) -> QuerySet[Exposure]:
    return Exposure.objects.filter(decided_at__gte=now() - WINDOW, **where)


def rate_of(rows: QuerySet[Exposure]) -> Rate:
    found = rows.filter(seed__answer="reject").aggregate(
        number=Count("pk"), hits=Count("pk", filter=Q(right=True))
    )
    return Rate(found["hits"], found["number"])


def false_alarms_of(rows: QuerySet[Exposure]) -> Rate:
    found = rows.filter(seed__answer="approve").aggregate(
        number=Count("pk"), hits=Count("pk", filter=Q(right=False))
    )
    return Rate(found["hits"], found["number"])


def last_answers(user: User) -> list[bool]:
    """Whether the newest planted defects were found, newest first."""
    rows = answered(user=user, seed__answer="reject").order_by("-decided_at", "-pk")
    return [bool(right) for right in rows.values_list("right", flat=True)[: planting.LAST]]


def misses_defects(user: User) -> bool:
    """Whether a person's hit rate is so low that they decide one by one."""
    found = rate_of(answered(user=user))
    return planting.low(found.hits, found.number)


def in_the_last_hour(user: User) -> int:
    since = now() - dt.timedelta(hours=1)
    return Vote.objects.filter(voter=user, cast_at__gte=since).count()


def vigilance_of(user: User) -> Vigilance:
    """For the person alone."""
    mine = answered(user=user)
    votes = Vote.objects.filter(voter=user, void=False).order_by("-cast_at")
    found = rate_of(mine)
    recent = votes.filter(choice="approve", cast_at__gte=now() - WINDOW)
    reversed_later = recent.filter(request__execution="rolled_back")
    second = SecondLook.objects.filter(
        request__votes__voter=user, looked_at__gte=now() - WINDOW
    ).aggregate(number=Count("pk"), hits=Count("pk", filter=Q(agrees=True)))
    return Vigilance(
        found=found,
        false_alarms=false_alarms_of(mine),
        looks=look_times(user),
        run=planting.run_of(list(votes.values_list("choice", flat=True)[:COUNTED])),
        last_hour=in_the_last_hour(user),
        approvals=recent.order_by()[:COUNTED].count(),
        reversed_later=reversed_later.order_by()[:COUNTED].count(),
        agreement=Rate(second["hits"], second["number"]),
        revealed=list(mine.select_related("seed", "request").order_by("-decided_at", "-pk")[:50]),
        low=planting.low(found.hits, found.number),
    )


def look_times(user: User) -> list[tuple[str, float, int]]:
    """(risk, median seconds before the eyes, number) of real items, lowest risk first."""
    rows = Look.objects.filter(user=user, seconds__gt=0, request__is_seed=False)
    rows = rows.order_by("-last_at")
    by: dict[str, list[int]] = {}
    for risk, seconds in rows.values_list("request__risk", "seconds")[:COUNTED]:
        by.setdefault(risk, []).append(seconds)
    order = ("low", "medium", "high", "critical")
    return [(risk, statistics.median(by[risk]), len(by[risk])) for risk in order if risk in by]


def reveal_of(user: User, number: int) -> Exposure:
    rows = Exposure.objects.filter(user=user, request__number=number, decided_at__isnull=False)
    found = rows.select_related("seed__source", "request").first()
    if found is None:
        raise Absent
    return found


@dataclass(frozen=True)
class QueueVigilance:
    """One queue, in sums; figures only from thirty items on."""

    queue: Queue
    found: Rate
    false_alarms: Rate
    this_quarter: int
    sensitivity: float | None
    harmful: Rate

    @property
    def residual(self) -> float | None:
        """Harmful actions per thousand that pass people: what they stop as it is, and what they
        miss besides (approvals.md 1.5)."""
        if not (self.found.tells and self.harmful.number):
            return None
        missed = 1 - self.found.hits / self.found.number
        return round(1000 * self.harmful.hits / self.harmful.number * missed, 1)


def sensitivity_of(queue: Queue, alpha: float = 0.01) -> float | None:
    """s_L of a queue: the bound on the share of planted defects that its people find; None while
    too few were shown to tell."""
    found = rate_of(answered(seed__queue=queue))
    return intervals.sensitivity(found.hits, found.number, alpha) if found.tells else None


def vigilance_by_queue() -> list[QueueVigilance]:
    moment = now()
    sums = sums_by_queue(moment)
    found = []
    for queue in Queue.objects.order_by("name")[:50]:
        mine = sums.get(queue.pk, {})
        decided = ApprovalRequest.objects.filter(
            queue=queue,
            decided_at__gte=moment - QUARTER,
            status__in=("approved", "rejected", "returned"),
        ).order_by("-decided_at")
        statuses = list(decided.values_list("status", flat=True)[:COUNTED])
        rate = Rate(mine.get("found", 0), mine.get("defects", 0))
        found.append(
            QueueVigilance(
                queue=queue,
                found=rate,
                false_alarms=Rate(mine.get("alarms", 0), mine.get("harmless", 0)),
                this_quarter=mine.get("this_quarter", 0),
                sensitivity=rate.bound if rate.tells else None,
                harmful=Rate(statuses.count("rejected"), len(statuses)),
            )
        )
    return found


def sums_by_queue(moment: dt.datetime) -> dict[int, dict[str, int]]:
    """What `rate_of` and `false_alarms_of` count, for every queue at once."""
    defects, clean = Q(seed__answer="reject"), Q(seed__answer="approve")
    rows = Exposure.objects.filter(decided_at__gte=moment - WINDOW).values("seed__queue")
    counted = rows.order_by().annotate(
        defects=Count("pk", filter=defects),
        found=Count("pk", filter=defects & Q(right=True)),
        harmless=Count("pk", filter=clean),
        alarms=Count("pk", filter=clean & Q(right=False)),
        this_quarter=Count("pk", filter=Q(decided_at__gte=moment - QUARTER)),
    )
    found: list[Any] = list(counted)
    return {row["seed__queue"]: row for row in found}


def templates_with_counts() -> list[SeedTemplate]:
    ready = Count("seeds", filter=Q(seeds__status="ready"))
    drafted = Count("seeds", filter=Q(seeds__status="drafted"))
    rows = SeedTemplate.objects.annotate(ready=ready, drafted=drafted)
    return list(rows.order_by("tool", "title")[:100])


def seeds_listed(status: str) -> list[Seed]:
    rows = Seed.objects.filter(status=status).select_related("template", "queue", "made_by")
    return list(rows.order_by("-made_at")[:100])


def seed_one(pk: Any) -> Seed:
    found = Seed.objects.select_related("template", "queue", "made_by", "source").filter(pk=pk)
    row = found.first()
    if row is None:
        raise Absent
    return row


def second_looks_for(user: User) -> QuerySet[SecondLook]:
    """Decided items of the person's queues that nobody has judged a second time, and that they
    neither decided nor have a hand in."""
    mine = Vote.objects.filter(voter=user).values("request")
    rows = SecondLook.objects.filter(
        looked_at=None, request__queue_id__in=own_queue_ids(user)
    ).exclude(request__in=mine)
    rows = rows.exclude(
        Q(request__agent__owner=user)
        | Q(request__agent__created_by=user)
        | Q(request__requester=user)
    )
    return rows.select_related("request__agent").order_by("drawn_at")


def own_judgement_first(user: User, request: ApprovalRequest) -> bool:
    """Whether what others decided is hidden until the person has judged: at high risk always, and
    for a tenth of the rest (by setting), drawn per person and item."""
    if request.risk in ("high", "critical"):
        return True
    permille = settings.COUNCIL["OWN_JUDGEMENT_PERMILLE"]
    return planting.selected(settings.SECRET_KEY, permille, "own", user.pk, request.pk)
