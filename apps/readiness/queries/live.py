"""How the work of agents in a process ends, beside what was measured before they were let in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from apps.readiness.mining.shares import wilson
from apps.readiness.models import LiveMonth, Process

MONTHS = 12
# So many runs must have come to an end before one month is held against the others.
ENOUGH = 30


@dataclass(frozen=True)
class Month:
    """Runs that began in it. An exception is a run that failed, is stuck or was rolled back; its
    share is of the runs whose end is known, with Wilson's 95 % interval."""

    month: dt.date
    runs: int
    well: int
    failed: int
    stuck: int
    rolled_back: int
    cancelled: int
    asked: int

    @property
    def going(self) -> int:
        known = self.well + self.failed + self.stuck + self.rolled_back + self.cancelled
        return self.runs - known

    @property
    def exceptions(self) -> int:
        return self.failed + self.stuck + self.rolled_back

    @property
    def decided(self) -> int:
        """Those whose end says something: a run that a person cancelled says nothing."""
        return self.well + self.exceptions

    @property
    def share(self) -> float | None:
        return self.exceptions / self.decided if self.decided else None

    @property
    def share_words(self) -> str:
        return "" if self.share is None else f"{self.share:.1%}"

    @property
    def interval_words(self) -> str:
        return "{:.1%} to {:.1%}".format(*self.interval)

    @cached_property
    def interval(self) -> tuple[float, float]:
        return wilson(self.exceptions, self.decided)


@dataclass(frozen=True)
class Live:
    """Newest month first."""

    months: list[Month]
    worse: bool


def of(process: Process) -> Live:
    """How the runs of agents in the process ended in the last twelve months that had any."""
    rows = LiveMonth.objects.filter(process=process).order_by("-month")[:MONTHS]
    names = ("month", "runs", "well", "failed", "stuck", "rolled_back", "cancelled", "asked")
    months = [Month(**{name: getattr(row, name) for name in names}) for row in rows]
    return Live(months, worse(months))


def worse(months: Sequence[Month]) -> bool:
    """Whether in the newest month with enough runs more went wrong than in all before it taken
    together, beyond what chance explains (their intervals do not meet)."""
    enough = [index for index, each in enumerate(months) if each.decided >= ENOUGH]
    if not enough:
        return False
    newest, before = months[enough[0]], months[enough[0] + 1 :]
    decided = sum(each.decided for each in before)
    if decided < ENOUGH:
        return False
    return newest.interval[0] > wilson(sum(each.exceptions for each in before), decided)[1]
