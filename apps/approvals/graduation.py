"""What reviews prove about a capability (autonomy.md 2.2): a bet against the claim that its mean
loss is not below the tolerance. No database, no clock.

The bet's capital E is a non-negative supermartingale while the claim holds, so that by Ville's
inequality it ever reaches 1/α with probability α at most, however often one looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from apps.approvals.levels import HIGHEST, LOSSES

BETS = (0.0, 0.1, 0.25, 0.5, 0.75)
TOLERANCES = {
    "low": {1: 0.05, 2: 0.02, 3: 0.01},
    "medium": {1: 0.02, 2: 0.01, 3: 0.005},
    "high": {1: 0.01, 2: 0.005},
}
ALPHAS = {"low": 0.05, "medium": 0.01, "high": 0.01}
# What is taken for the reviewers' sensitivity where no known-answer items tell it, and up to which
# level that is enough.
NO_PLANTS = 0.8
MOST_WITHOUT_PLANTS = 2
FAR = 1_000_000


def log_factors(tolerance: float, loss: float) -> tuple[float, ...]:
    """By how much one review with this loss multiplies each bet's capital, as logarithms."""
    stakes = ((1 - bet) / (1 - tolerance) for bet in BETS)
    factors = (1 + stake * (tolerance - loss) for stake in stakes)
    return tuple(math.log(factor) if factor > 1e-15 else -math.inf for factor in factors)


def log_evidence(counts: Mapping[str, int], tolerance: float) -> float:
    """ln E of so many reviews per severity; their order does not matter."""
    bets = [0.0] * len(BETS)
    for severity, number in counts.items():
        if number:
            for index, factor in enumerate(log_factors(tolerance, LOSSES[severity])):
                bets[index] += number * factor
    most = max(bets)
    if most == -math.inf:
        return most
    return most + math.log(sum(math.exp(bet - most) for bet in bets) / len(BETS))


def threshold(attempt: int, alpha: float) -> float:
    """What E must reach at the k-th attempt: 1/(k(k+1)) sums to one, so that the chance of a wrong
    promotion in a whole life is α."""
    return attempt * (attempt + 1) / alpha


@dataclass(frozen=True)
class Claim:
    """What is to be shown: a mean loss below `tolerance`, at `alpha`, corrected for what the
    reviewers miss."""

    tolerance: float
    alpha: float
    sensitivity: float
    attempt: int = 1

    @property
    def tested(self) -> float:
        """Reviewers who find a share s of what is wrong see the loss s times: that is tested."""
        return self.sensitivity * self.tolerance

    @property
    def needed(self) -> float:
        """A fifth of α pays for the bound on the sensitivity itself."""
        return threshold(self.attempt, 0.8 * self.alpha)


@dataclass(frozen=True)
class Evidence:
    """How far a scope is from the next level. `clean` is how many more reviews without a fault it
    would take; `bound` what the mean loss is below, at `alpha`, whenever one looks."""

    percent: int
    clean: int
    bound: float
    tolerance: float

    @property
    def enough(self) -> bool:
        return self.clean == 0


def claim_of(risk: str, level: int, attempt: int, sensitivity: float | None) -> Claim | None:
    """What leaving a level takes; None where there is nothing above it, or where known-answer items
    would have to say first how much the reviewers find."""
    tolerance = TOLERANCES.get(risk, {}).get(level)
    if tolerance is None or level + 1 > HIGHEST[risk]:
        return None
    if sensitivity is None:
        if risk != "low" and level + 1 > MOST_WITHOUT_PLANTS:
            return None
        sensitivity = NO_PLANTS
    return Claim(tolerance, ALPHAS[risk], sensitivity, attempt) if sensitivity else None


def weighed(counts: Mapping[str, int], claim: Claim) -> Evidence:
    reached = log_evidence(counts, claim.tested)
    needed = math.log(claim.needed)
    return Evidence(
        percent=max(0, min(100, math.floor(100 * reached / needed))) if reached > 0 else 0,
        clean=clean_needed(counts, claim.tested, needed),
        bound=upper_bound(counts, claim.alpha),
        tolerance=claim.tolerance,
    )


def clean_needed(counts: Mapping[str, int], tolerance: float, needed: float) -> int:
    """How many more reviews without a fault until ln E reaches `needed`; FAR at most."""

    def reached(more: int) -> bool:
        added = {**counts, "fine": counts.get("fine", 0) + more}
        return log_evidence(added, tolerance) >= needed

    if reached(0):
        return 0
    high = 1
    while high < FAR and not reached(high):
        high *= 2
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return min(high, FAR)


def upper_bound(counts: Mapping[str, int], alpha: float) -> float:
    """The mean loss that the reviews speak against at α: true whenever one looks."""
    low, high, wanted = 0.0, 1.0, -math.log(alpha)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if log_evidence(counts, middle) >= wanted else (middle, high)
    return high
