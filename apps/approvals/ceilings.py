"""How far the readiness of a process lets agents go in it (readiness.md 1.6): the least share of
actions that people see. It only ever tightens. No database, no clock."""

from __future__ import annotations

from apps.approvals.levels import PERCENT, WHOLE

# The name of the checkpoint where people are asked when no policy names one, and of the reason.
READINESS = "readiness"
NOT_ASSESSED, NOT_YET, PARTLY, MOSTLY, READY = range(5)
FLOORS = {PARTLY: WHOLE, MOSTLY: PERCENT[3], READY: 0}


def floor(level: int, effect: str) -> int | None:
    """The least percentage of such actions that people see; None where agents only observe, which
    is also the answer to a level that nobody knows. Reading is never bound."""
    return 0 if effect == "read" else FLOORS.get(level)
