"""How sure a count is. Exact where a decision hangs on it. No database, no clock."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
STEPS = 60


def wilson(hits: int, number: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share, for people to read (Wilson 1927); (0, 1) for nothing."""
    if not number:
        return 0.0, 1.0
    share, square = hits / number, z * z
    middle = (share + square / (2 * number)) / (1 + square / number)
    spread = math.sqrt(share * (1 - share) / number + square / (4 * number * number))
    half = z * spread / (1 + square / number)
    return max(0.0, middle - half), min(1.0, middle + half)


def at_least(hits: int, number: int, share: float) -> float:
    """P(X ≥ hits) for X binomial, summed over the smaller tail outward from `hits`."""
    if hits <= 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    odds = share / (1 - share)
    if hits > number * share:
        return min(1.0, tail(hits, number, share, up=True, odds=odds))
    return max(0.0, 1 - tail(hits - 1, number, share, up=False, odds=odds))


def tail(k: int, number: int, share: float, *, up: bool, odds: float) -> float:
    """The chances of k and of all beyond it, each from the one before; they only shrink."""
    term = total = math.exp(log_chance(k, number, share))
    while (k < number if up else k > 0) and term > total * 1e-18:
        term *= (number - k) / (k + 1) * odds if up else k / (number - k + 1) / odds
        total += term
        k += 1 if up else -1
    return total


def log_chance(k: int, number: int, share: float) -> float:
    ways = math.lgamma(number + 1) - math.lgamma(k + 1) - math.lgamma(number - k + 1)
    return ways + k * math.log(share) + (number - k) * math.log1p(-share)


def lower_bound(hits: int, number: int, confidence: float) -> float:
    """The Clopper-Pearson lower bound: the share at which `hits` or more would still come about
    with probability 1 − confidence. Found by halving, to about 1e-15."""
    if not 0 <= hits <= number:
        raise ValueError("There are more hits than trials.")
    if hits == 0:
        return 0.0
    low, high, error = 0.0, hits / number, 1 - confidence
    for _ in range(STEPS):
        middle = (low + high) / 2
        if at_least(hits, number, middle) < error:
            low = middle
        else:
            high = middle
    return low


def sensitivity(hits: int, number: int, alpha: float) -> float:
    """s_L of autonomy.md 2.2: the bound at confidence 1 − alpha/5."""
    return lower_bound(hits, number, 1 - alpha / 5)
