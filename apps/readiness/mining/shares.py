"""Wilson's interval of a share (1927); how far two mixes lie apart."""

from __future__ import annotations

import math
from collections.abc import Mapping

Z95 = 1.959963984540054


def wilson(hits: int, number: int, z: float = Z95) -> tuple[float, float]:
    """(0, 1) for nothing. The same as `apps.approvals.intervals.wilson`, which stands above."""
    if not number:
        return 0.0, 1.0
    share, square = hits / number, z * z
    middle = (share + square / (2 * number)) / (1 + square / number)
    spread = math.sqrt(share * (1 - share) / number + square / (4 * number * number))
    half = z * spread / (1 + square / number)
    return max(0.0, middle - half), min(1.0, middle + half)


def jensen_shannon(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The Jensen-Shannon distance (base 2) of two count tables: 0 the same, 1 nothing shared."""
    ones, others = sum(one.values()), sum(other.values())
    divergence = 0.0
    for name in one.keys() | other.keys():
        p, q = one.get(name, 0) / ones, other.get(name, 0) / others
        middle = (p + q) / 2
        divergence += sum(x * math.log2(x / middle) / 2 for x in (p, q) if x)
    return math.sqrt(max(0.0, divergence))
