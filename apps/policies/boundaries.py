"""Test cases on both sides of every constant that a policy's rules compare with
(policy-analysis.md): whoever writes `>` where `>=` was meant later, fails one of them.
No database, no clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from apps.policies.analysis.expressions import EPOCH, Atom
from apps.policies.analysis.grid import TooLarge, grid_for, guards_of
from apps.policies.analysis.words import named, valued
from apps.policies.text import Compiled
from apps.registry.rules import ToolSpec

MOST = 200
LEAST = {"integer": 0, "number": "0", "string": "x", "boolean": False}
# A step beside a constant: the smallest whole number, or the smallest decimal that Cedar holds.
WHOLE, SMALLEST = 1, Decimal("0.0001")
GROUPS = ("args", "facts", "session", "agent", "process")
NOON = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)


def cases(rules: Sequence[Compiled], specs: Iterable[ToolSpec]) -> list[tuple[str, dict[str, Any]]]:
    """(name, request) just under, at and just over every constant, where the rest of the rule
    holds; at most MOST of them."""
    found: dict[str, dict[str, Any]] = {}
    for spec in specs:
        for compiled in rules:
            found.update(cases_of(compiled, spec))
    return list(found.items())[:MOST]


def cases_of(compiled: Compiled, spec: ToolSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    for guard in guards_of([compiled], spec):
        try:
            example = where_it_holds(compiled, spec)
        except TooLarge:
            continue
        if example is None:
            continue
        for atom in sorted(set(guard.condition.atoms()), key=str):
            limit = valued(atom.path, atom.value, spec)
            about = f"{compiled.rule.rule_id}, {spec.name}: {named(atom.path, spec)}"
            for word, near in around(atom):
                name = f"{about} {word} {limit}"[:200]
                yield name, request_of({**example, atom.path: near}, spec)


def where_it_holds(compiled: Compiled, spec: ToolSpec) -> dict[str, Any] | None:
    """Values at which the rule applies, by attribute; None for a rule that nothing can meet."""
    guards = guards_of([compiled], spec)
    grid = grid_for(spec, guards)
    holds = np.broadcast_to(grid.holds(guards[0].condition), grid.shape)
    first = int(holds.argmax())
    if not holds.reshape(-1)[first]:
        return None
    place = np.unravel_index(first, holds.shape)
    cells = [axis.cells[int(index)] for axis, index in zip(grid.axes, place, strict=True)]
    return {
        axis.path: cell.example()
        for axis, cell in zip(grid.axes, cells, strict=True)
        if cell.kind != "absent"
    }


def around(atom: Atom) -> list[tuple[str, Any]]:
    """Just under, at, and just over a number; nothing for anything else."""
    value = atom.value
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return []
    step = SMALLEST if isinstance(value, Decimal) else WHOLE
    found = [("just under", value - step), ("at", value), ("just over", value + step)]
    return [each for each in found if atom.path != "now.time" or 0 <= each[1] < DAY]


DAY = 86_400_000


def request_of(values: Mapping[str, Any], spec: ToolSpec) -> dict[str, Any]:
    """A whole request in its recorded form, with these values of attributes."""
    agent = str(values.get("agent", "any-agent"))
    context: dict[str, Any] = {
        "args": least(spec.input_schema),
        "facts": least(spec.facts_schema),
        "session": {"identified": False, "untrusted_read": False, "actions": 0},
        "agent": {
            "slug": agent, "version": 1, "risk_tier": "medium", "environment": "production",
        },
        "approvals": [],
        "now": moment_of(values),
    }  # fmt: skip
    for path, value in values.items():
        group, _, name = path.partition(".")
        if group in GROUPS and name and " " not in path:
            context.setdefault(group, {})[name] = value
    roles = [path.removeprefix("role ") for path, value in values.items()
             if path.startswith("role ") and value]  # fmt: skip
    return {"agent": agent, "roles": roles, "tool": spec.name, "context": context}


def moment_of(values: Mapping[str, Any]) -> dt.datetime:
    if "now" in values:
        return EPOCH + dt.timedelta(milliseconds=int(values["now"]))
    return NOON + dt.timedelta(milliseconds=int(values.get("now.time", DAY // 2)))


def least(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A value for everything that a schema requires."""
    properties = schema.get("properties", {})
    return {
        name: properties[name].get("enum", [LEAST.get(properties[name].get("type"), "x")])[0]
        for name in schema.get("required", ())
        if name in properties
    }
