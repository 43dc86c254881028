"""How much of a capability people look at (autonomy.md 2.1). No database, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

WHOLE = 100
FIRST = 1
PERCENT = {0: WHOLE, 1: WHOLE, 2: 50, 3: 20, 4: 5}
HIGHEST = {"low": 4, "medium": 4, "high": 3, "critical": 1}
SEEN_ENOUGH = 30
LOSSES = {"fine": 0.0, "cosmetic": 0.1, "minor": 0.25, "moderate": 0.5, "major": 1.0,
          "critical": 1.0}  # fmt: skip
GRAVE = frozenset({"major", "critical"})
ANSWERS = {"approved": "fine", "rejected": "major", "returned": "moderate"}


def percent(level: int, risk: str, *, held: bool) -> int:
    """The share of actions that people see; never 0, and all of them where the scope is held or
    the risk is critical."""
    return WHOLE if held or risk == "critical" else PERCENT[level]


def step_problem(level: int, wanted: int, risk: str, *, held: bool) -> str:
    """Why a scope may not go to the level `wanted`; "" when it may. One step at a time."""
    if held:
        return "It is under full review until that is lifted."
    if wanted > HIGHEST[risk]:
        return f"At {risk} risk the level never rises above L{HIGHEST[risk]}."
    if wanted != level + 1:
        return f"It stands at L{level}; levels rise one step at a time."
    return ""


def traits(values: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> frozenset[str]:
    """What is ordinary or new about an action: yes or no, the words of a list, the range that a
    number falls into, and whatever text the schema marks with `x-category`. Free text and names
    of single records are left out, for they are always new."""
    known: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    found = ((name, trait(value, known.get(name, {}))) for name, value in values.items())
    return frozenset(f"{place}.{name}={text}"[:200] for name, text in found if text)


def trait(value: Any, schema: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return range_of(value)
    if isinstance(value, str) and ("enum" in schema or schema.get("x-category")):
        return value
    return ""


def range_of(number: float) -> str:
    """The half decade: 0, ±1 to 3, 3 to 10, 10 to 32 and so on."""
    if not math.isfinite(number):
        return "not a number"
    size = abs(number)
    if size < 1:
        return "0" if size == 0 else "below 1"
    return f"{'-' if number < 0 else ''}10^{math.floor(math.log10(size) * 2) / 2:g}"


def novel(wanted: Iterable[str], seen: Mapping[str, int]) -> list[str]:
    """Which of the traits people have not seen often enough."""
    return sorted(name for name in wanted if seen.get(name, 0) < SEEN_ENOUGH)
