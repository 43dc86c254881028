"""Who may decide, and when enough people have. No database, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Need:
    """One checkpoint of a request: how many people, and who is eligible for it."""

    checkpoint: str
    people: int
    eligible: frozenset[int]


@dataclass(frozen=True)
class Cast:
    voter: int
    choice: str


WHY_NOT = {
    "owner": "You own this agent, so somebody else decides.",
    "requester": "You asked for this work, so somebody else decides.",
    "creator": "You registered this agent, so somebody else decides.",
    "editor": "You changed this agent's set-up lately, so somebody else decides.",
    "person": "This is about your own record, so somebody else decides.",
    "policy": "You wrote the policy that this changes, so somebody else decides.",
    "edit": "You wrote this edit; at high risk somebody other than its author approves it.",
    "stand_in": "You stand in for somebody who may not decide on this, so somebody else decides.",
}


def conflict(person: int, barred: Mapping[int, str]) -> str:
    """Why a person may not decide on this request; "" when nothing stands in the way. `barred`
    maps a person to the kind of the conflict."""
    return WHY_NOT[barred[person]] if person in barred else ""


def concerns(
    schemas: Sequence[Mapping[str, Any]], values: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Whom a call concerns, as its tool declares: a property of the input or facts schema with
    `"concerns": "person"` holds a user name (or several), one with `"concerns": "policy"` a
    policy's."""
    found: dict[str, list[str]] = {}
    for schema, known in zip(schemas, values, strict=True):
        for name, described in schema.get("properties", {}).items():
            kind = described.get("concerns") if isinstance(described, Mapping) else None
            if kind in ("person", "policy") and known.get(name):
                value = known[name]
                named = value if isinstance(value, list) else [value]
                found.setdefault(kind, []).extend(str(each) for each in named)
    return found


def status_after(needs: Sequence[Need], votes: Sequence[Cast]) -> str:
    """pending, approved, rejected or returned: any no ends it, and a yes needs every checkpoint
    covered by people of its own."""
    for choice, status in (("reject", "rejected"), ("return", "returned")):
        if any(vote.choice == choice for vote in votes):
            return status
    approvers = {vote.voter for vote in votes if vote.choice == "approve"}
    return "approved" if covered(needs, approvers) else "pending"


def covered(needs: Sequence[Need], approvers: Collection[int]) -> bool:
    """Whether every seat can be filled by a different eligible person (bipartite matching by
    augmenting paths; a request has a handful of seats)."""
    seats = [need.eligible & frozenset(approvers) for need in needs for _ in range(need.people)]
    taken: dict[int, int] = {}
    return bool(seats) and all(
        seat_filled(index, seats, taken, set()) for index in range(len(seats))
    )


def seat_filled(
    index: int, seats: Sequence[frozenset[int]], taken: dict[int, int], tried: set[int]
) -> bool:
    for person in sorted(seats[index] - tried):
        tried.add(person)
        if person not in taken or seat_filled(taken[person], seats, taken, tried):
            taken[person] = index
            return True
    return False


def satisfiable(people: int, eligible: Collection[int], conflicted: Collection[int]) -> bool:
    """Whether a checkpoint can be passed at all, once those with a conflict are left out."""
    return len(set(eligible) - set(conflicted)) >= people


def satisfiable_for_all(
    people: int, eligible: Collection[int], tied: Collection[Collection[int]]
) -> bool:
    """Whether a checkpoint can be passed for every agent: `tied` names, agent by agent, its owner
    and whoever registered it."""
    return all(satisfiable(people, eligible, conflicted) for conflicted in (*tied, ()))


def copied_from_agent(reason: str, evidence: Mapping[str, object]) -> bool:
    """A reason that is the agent's own text is no sign that a person thought."""
    words = in_short(reason)
    will: Any = evidence.get("will_happen") or {}
    own = {in_short(str(evidence.get("purpose", ""))), in_short(str(will.get("sentence", "")))}
    return bool(words) and words in own


def in_short(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".!")


NEEDS_WORDS = frozenset({"high", "critical"})
MOST_REFUSALS = 3


def reason_problem(choice: str, reason: str, code: str, risk: str) -> str:
    """What is missing from the grounds of an answer. A no is explained to the agent, and so is a
    yes at high risk; elsewhere a yes may be a reason of the organisation's list."""
    if reason.strip():
        return ""
    if choice == "approve" and code and risk not in NEEDS_WORDS:
        return ""
    if choice == "approve" and risk in NEEDS_WORDS:
        return "Say why in your own words: the risk is high."
    return "Say why: the reason is recorded."


@dataclass(frozen=True)
class Limit:
    """A bound on one argument of a standing approval."""

    name: str
    op: str
    value: Any


LIMIT_OPS = {"<=": "at most", ">=": "at least", "=": "is", "in": "one of"}


def within(limits: Sequence[Limit], arguments: Mapping[str, Any]) -> bool:
    """Whether the arguments keep to every limit. An argument that is missing, or of another kind
    than the bound, does not."""
    return all(keeps(limit, arguments.get(limit.name)) for limit in limits)


def keeps(limit: Limit, value: Any) -> bool:
    if value is None:
        return False
    if limit.op == "in":
        return isinstance(limit.value, list) and value in limit.value
    if limit.op == "=":
        return type(value) is type(limit.value) and bool(value == limit.value)
    numbers = all(
        isinstance(each, int | float) and not isinstance(each, bool)
        for each in (value, limit.value)
    )
    if not numbers:
        return False
    return bool(value <= limit.value) if limit.op == "<=" else bool(value >= limit.value)


@dataclass(frozen=True)
class Fact:
    """One thing that the organisation knows, for the reader."""

    title: str
    text: str
    source: str


MOST_AT_ONCE = 25
OPENED_FIRST = 2
BULK_RISKS = frozenset({"low", "medium"})


class Alike(Protocol):
    tool: str
    rule_key: str
    risk: str


def bulk_problem(rows: Sequence[Alike], asked: int, looked_at: int) -> str:
    """Why these requests cannot be answered together; "" when they can. Two of them (all, if
    there are fewer) must have been opened first."""
    if asked < 2:
        return "Choose at least two items."
    if asked > MOST_AT_ONCE:
        return f"At most {MOST_AT_ONCE} items are decided at once."
    if len({(row.tool, row.rule_key) for row in rows}) > 1:
        return "Only items of the same action and rule are decided together."
    if any(row.risk not in BULK_RISKS for row in rows):
        return "Items of high risk are decided one by one."
    needed = min(OPENED_FIRST, len(rows))
    if looked_at < needed:
        return f"Open {needed} of them first, to see what they are like."
    return ""
