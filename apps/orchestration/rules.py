"""Judgements of the engine that need neither database nor clock."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

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


KINDS = ("safety", "compliance", "business")
AGES_BY = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class Claimant:
    """A step that wants resources: `keys` says of each whether it is wanted alone."""

    step: str
    keys: Mapping[str, bool]
    rank: int
    kind: str
    asked_at: dt.datetime


def place(claimant: Claimant, moment: dt.datetime) -> tuple[int, int, dt.datetime, str]:
    """Where a claimant stands in line; the least goes first. The rank grows by one for every ten
    minutes waited, so that nobody waits for ever; at equal rank safety and compliance go before
    business, then who asked first, then the id."""
    waited = max(moment - claimant.asked_at, dt.timedelta())
    aged = claimant.rank + waited // AGES_BY
    return -aged, KINDS.index(claimant.kind), claimant.asked_at, claimant.step


def next_ones(
    waiting: Sequence[Claimant], held: Mapping[str, bool], moment: dt.datetime
) -> list[str]:
    """The steps that may go now, all or none of their keys each. `held` says of every key that is
    held whether it is held alone. Nobody goes past a claimant ahead of them who wants the same,
    also where that one has to wait for something else: so a line cannot be jumped, and as claims
    are all or none, nobody waits in a circle."""
    wanted: dict[str, bool] = {}
    found = []
    for claimant in sorted(waiting, key=lambda one: place(one, moment)):
        free = not any(
            key in claims and (alone or claims[key])
            for key, alone in claimant.keys.items()
            for claims in (held, wanted)
        )
        if free:
            found.append(claimant.step)
        for key, alone in claimant.keys.items():
            wanted[key] = wanted.get(key, False) or alone
    return found


def compared(
    before: Mapping[str, Any], after: Mapping[str, Any], written: Mapping[str, Any]
) -> str:
    """How what a step would write stands to what another agent has just written: `other` where
    one field would get another value, `same` where nothing would change, else `none`."""
    common = [name for name in after if name in written]
    if any(after[name] != written[name] for name in common):
        return "other"
    changes = any(before.get(name) != value for name, value in after.items())
    return "same" if common and not changes else "none"


def outranks(mine: tuple[int, str], theirs: tuple[int, str]) -> bool | None:
    """Whether (rank, kind) goes before another; None where neither does."""
    ours, others = ((-rank, KINDS.index(kind)) for rank, kind in (mine, theirs))
    return None if ours == others else ours < others
