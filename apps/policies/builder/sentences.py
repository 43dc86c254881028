"""What a rule says, as a sentence with slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

COMPARISONS = ("==", "!=", ">", ">=", "<", "<=")
OPERATORS = {
    "==": "is",
    "!=": "is not",
    ">": "is over",
    ">=": "is at least",
    "<": "is under",
    "<=": "is at most",
    "true": "is yes",
    "false": "is no",
    "in": "is one of",
    "includes": "include",
    "excludes": "do not include",
    "has": "is known",
    "lacks": "is not known",
}
EFFECTS = {
    "read": "reads anything",
    "write": "writes anything",
    "irreversible": "does anything that cannot be taken back",
}
HOUR = 3600


@dataclass(frozen=True)
class Condition:
    """`facts.amount` `>` `1000000`; the value as it was typed, a list for `in`."""

    path: str
    op: str
    value: Any = None


@dataclass(frozen=True)
class Sentence:
    """When *who* *does*, and all conditions hold, then *deny*, *ask* people, or allow with an
    obligation (*oblige*)."""

    rule_id: str
    reason: str
    who: str = "any"
    does: str = "any"
    conditions: tuple[Condition, ...] = ()
    then: str = "deny"
    checkpoint: str = ""
    people: int = 1
    hours: int = 0
    sampled: bool = False
    obligation: str = ""


class Unfinished(ValueError):
    """A slot is empty or wrong; `slot` names it."""

    def __init__(self, slot: str, sentence: str) -> None:
        super().__init__(sentence)
        self.slot = slot
