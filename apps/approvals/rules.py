"""Who may decide, and when enough people have. No database, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


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


def conflict(person: int, *, owner: int | None, creator: int | None, requester: int | None) -> str:
    """Why a person may not decide on this request; "" when nothing stands in the way."""
    if person == owner:
        return "You own this agent, so somebody else decides."
    if person == requester:
        return "You asked for this work, so somebody else decides."
    if person == creator:
        return "You registered this agent, so somebody else decides."
    return ""


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


def copied_from_agent(reason: str, evidence: Mapping[str, object]) -> bool:
    """A reason that is the agent's own text is no sign that a person thought."""
    words = " ".join(reason.lower().split())
    own = " ".join(str(evidence.get("purpose", "")).lower().split())
    return bool(words) and words == own


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
