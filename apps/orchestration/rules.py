"""Judgements of the engine that need neither database nor clock."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

BASE_SECONDS = 1.0
CAP_SECONDS = 300.0
REPEATS = 3
LONGEST_CYCLE = 4


def backoff(attempt: int, chance: float, retry_after: float | None) -> float:
    """Seconds until the next try: full jitter over min(cap, base·2^n) with `chance` in [0, 1),
    and never sooner than the system asked for."""
    wait: float = chance * min(CAP_SECONDS, BASE_SECONDS * 2**attempt)
    return max(wait, retry_after or 0.0)


def idempotency_key(run: str, step: str, plan_version: int) -> str:
    return hashlib.sha256(f"{run}|{step}|{plan_version}".encode()).hexdigest()


def looping(trail: Sequence[str]) -> bool:
    """Whether the newest calls repeat: a cycle of at most four calls, three times over. The trail
    holds one text per finished call (tool, arguments and outcome), oldest first."""
    for length in range(1, LONGEST_CYCLE + 1):
        tail = list(trail[-length * REPEATS :])
        if len(tail) == length * REPEATS and tail == tail[:length] * REPEATS:
            return True
    return False
