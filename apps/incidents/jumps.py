"""Whether a failure comes far more often today than it used to (monitoring.md 4). Pure.

Poisson's upper tail at the mean of the days before, p < 0.001 and at least five. The mean gets
half a failure more, so that one quiet past does not make any number impossible; and a failure that
was not known for a week has no past to be held against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

DAYS = 28
KNOWN_FOR = 7
LEAST = 5
RARER_THAN = 0.001


@dataclass(frozen=True)
class Jump:
    """`today` failures where `mean` a day were usual; `chance` of so many or more by accident."""

    today: int
    mean: float
    chance: float

    @property
    def words(self) -> str:
        return f"{self.today} on one day, where {self.mean:.1f} a day were usual"


def jump(counts: Mapping[date, int], first: date, today: date) -> Jump | None:
    """The jump of `today` over the (up to) 28 days before, none of them before `first`; None where
    there is none or too little is known."""
    begin = max(first, today - timedelta(days=DAYS))
    days = (today - begin).days
    number = counts.get(today, 0)
    if days < KNOWN_FOR or number < LEAST:
        return None
    before = sum(count for day, count in counts.items() if begin <= day < today)
    mean = (before + 0.5) / days
    chance = upper_tail(number, mean)
    return Jump(number, mean, chance) if chance < RARER_THAN else None


def upper_tail(number: int, mean: float) -> float:
    """P(X >= number) of a Poisson variable, number >= 1. Summed upwards from the first term: the
    complement would lose what is small."""
    term = math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
    total, at = 0.0, number
    while term > 1e-18 * (total + 1e-300) and at < number + 10_000:
        total += term
        at += 1
        term *= mean / at
    return min(1.0, total)
