"""What the gate hands around, and its judgements that need neither database nor clock."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SETTLED = frozenset({"done", "denied", "failed", "rejected", "expired"})


@dataclass(frozen=True)
class CallContext:
    """Why and for whom an agent calls a tool. `claims` are the caller's own words, never facts;
    `tokens` is what a model used up to come to this call, where a planner says so."""

    idem_key: str
    purpose: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    run_id: uuid.UUID | None = None
    step_id: uuid.UUID | None = None
    session: str = ""
    credential_id: int | None = None
    requester_id: int | None = None
    on_behalf_of: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    used: Sequence[Mapping[str, Any]] = ()
    tokens: int = 0

    @property
    def workflow(self) -> str:
        """The workflow of the run that the call belongs to; the engine names it, nobody else."""
        return str(self.trigger.get("workflow", "")) if self.run_id else ""

    @property
    def process(self) -> str:
        """The process that this workflow belongs to, "" for none; again the engine's word."""
        return str(self.trigger.get("process", "")) if self.run_id else ""


def placed(trigger: Mapping[str, Any], process: str) -> dict[str, Any]:
    """The trigger of a step, with the process of its workflow and never anybody else's word."""
    found = {**trigger, "process": process}
    return found if process else {key: found[key] for key in found if key != "process"}


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. `status` is done, allowed, denied, waiting, retry, failed or
    in_doubt; `retry_after` is in seconds; `after` are the fields that were written; `until` is when
    a budget that is used up begins anew; `action` is the row itself, as it was just written."""

    action_id: uuid.UUID
    verdict: str
    status: str
    result: dict[str, Any] | None = None
    error: str = ""
    code: str = ""
    retry_after: float | None = None
    approval_id: uuid.UUID | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()
    after: Mapping[str, Any] = field(default_factory=dict)
    until: dt.datetime | None = None
    action: Any = field(default=None, compare=False, repr=False)


class Work(Protocol):
    """The step that an attempt serves, with the fences under which it holds its resources and the
    process that its workflow belongs to now. Both verbs are called inside the gate's
    transaction."""

    fences: Mapping[str, int]
    process: str

    def check(self) -> None:
        """Locks the step and raises LostLease unless this worker still owns it."""

    def settle(self, outcome: Outcome) -> None:
        """Ends or parks the step together with the record of the outcome."""


class LostLease(Exception):
    """Another worker owns the step now: whatever this one was about to write is dropped."""


class Stopped(Exception):
    """The gate's own no, before any policy was asked: a stable code and a sentence. `until` is
    when it may be another answer, where only a person could make it one before."""

    def __init__(
        self,
        code: str,
        sentence: str,
        retry_after: float | None = None,
        until: dt.datetime | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.retry_after = retry_after
        self.until = until

    @property
    def transient(self) -> bool:
        return self.retry_after is not None


def intent(
    agent: str, on_behalf_of: str, tool: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """What makes two attempts the same wish (approvals.md 1.2)."""
    return {"agent": agent, "on_behalf_of": on_behalf_of, "tool": tool, "arguments": arguments}


def binding(
    wish: Mapping[str, Any],
    *,
    agent_version: int,
    tool_pin: str,
    target: Mapping[str, Any],
    rules: Sequence[str],
) -> dict[str, Any]:
    """Exactly what an approval is bound to (runtime.md 1.3): the wish, who and which tool in which
    version, the state of what it touches, and the rules that asked for a person."""
    return {
        **wish,
        "agent_version": agent_version,
        "tool_pin": tool_pin,
        "target": target,
        "rules": sorted(rules),
    }


TOO_DEEP = 12


def secret_free(value: Any, depth: int = 0) -> Any:
    """The value with anything that looks like one of our keys masked: records are read by many."""
    if depth > TOO_DEEP:
        return "…"
    if isinstance(value, str):
        if "agk_" not in value:
            return value
        return re.sub(r"agk_[A-Za-z0-9]+_[A-Za-z0-9_-]+", "agk_…", value)
    if isinstance(value, Mapping):
        return {str(key): secret_free(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [secret_free(item, depth + 1) for item in value]
    return value


def bucket(window: str, moment: dt.datetime, run_id: uuid.UUID | None) -> str:
    """The name of the window that a moment falls into, in UTC; a run is a window of its own."""
    if window == "run":
        return str(run_id or "")
    return moment.strftime(BUCKETS[window])


BUCKETS = {
    "hour": "%Y-%m-%dT%H",
    "day": "%Y-%m-%d",
    "week": "%G-W%V",
    "month": "%Y-%m",
    "ever": "-",
}


def window_end(window: str, moment: dt.datetime) -> dt.datetime | None:
    """When the window of a moment ends, in UTC; None for a run and for ever."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if window == "hour":
        return day + dt.timedelta(hours=moment.hour + 1)
    if window == "day":
        return day + dt.timedelta(days=1)
    if window == "week":
        return day + dt.timedelta(days=7 - day.weekday())
    if window == "month":
        return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return None


def spends(schemas: Sequence[Mapping[str, Any]], values: Sequence[Mapping[str, Any]]) -> int:
    """The money in minor units that a call moves: the fields that its tool marks with `"spends":
    true`, each taken from the first of the values that has it."""
    names = {
        name
        for schema in schemas
        for name, field in schema.get("properties", {}).items()
        if field.get("spends")
    }
    found = (next((each[name] for each in values if name in each), 0) for name in sorted(names))
    return sum(abs(amount) for amount in found if isinstance(amount, int))
