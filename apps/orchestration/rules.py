"""Judgements of the engine that need neither database nor clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set

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


def fate(needs: Sequence[str], statuses: Mapping[str, str]) -> tuple[str, str]:
    """What becomes of a planned step, given how far the steps before it are: `ready`, `skipped`
    with the reason, or `planned` still. A predecessor that is not there is no obstacle: the step
    itself will say what it misses."""
    for key in needs:
        status = statuses.get(key, "succeeded")
        if status in NEVER:
            return "skipped", f"The step {key} before it was {NEVER[status]}."
    waits = any(statuses.get(key, "succeeded") != "succeeded" for key in needs)
    return ("planned", "") if waits else ("ready", "")


NEVER = {
    "skipped": "skipped",
    "denied": "blocked by policy",
    "rejected": "rejected",
    "expired": "not decided in time",
    "failed": "not done",
    "cancelled": "cancelled",
    "compensating": "taken back",
    "compensated": "taken back",
    "compensation_failed": "taken back in part",
}


def standstill(statuses: Set[str]) -> tuple[str, str]:
    """The run's status and what it waits for, given its steps' statuses; ("", "") where they say
    nothing: all have ended, and the workflow is asked."""
    if statuses & {"ready", "running"}:
        return "running", ""
    for status, reason in WAITS:
        if status in statuses:
            return "waiting", reason
    return "", ""


WAITS = (
    ("awaiting_approval", "approval"),
    ("dead", "person"),
    ("in_doubt", "person"),
    ("awaiting_resource", "resource"),
    ("retry_wait", "timer"),
    ("planned", "dependency"),
)
