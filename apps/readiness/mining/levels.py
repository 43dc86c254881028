"""From a lower bound to a level, and from value and bound to a place in the portfolio. Light."""

from __future__ import annotations

READY, MOSTLY, PARTLY = 0.70, 0.55, 0.40


def level(low: float, *, blocked: bool) -> int:
    """1 Not yet, 2 Partly, 3 Mostly, 4 Ready: by the lower 5 % bound; 1 where a gate fails."""
    if blocked:
        return 1
    return 1 + sum(low >= threshold for threshold in (PARTLY, MOSTLY, READY))


def quadrant(hours: float, low: float, median_hours: float, *, blocked: bool = False) -> str:
    """pilot_now, fix_first, later or leave; `low` is the lower 5 % bound of the readiness. What a
    gate blocks is not ready, whatever its score."""
    ready = low >= READY and not blocked
    if hours >= median_hours:
        return "pilot_now" if ready else "fix_first"
    return "later" if ready else "leave"
