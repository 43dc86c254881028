"""Boxes and differences as plain sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from apps.common.units import in_unit
from apps.common.vocabulary import inside
from apps.policies.analysis.axes import Cell
from apps.policies.analysis.expressions import EPOCH
from apps.policies.analysis.grid import Box
from apps.registry.rules import ToolSpec

DAY = 86_400_000


def schema_at(path: str, spec: ToolSpec) -> Mapping[str, Any]:
    group, _, name = path.partition(".")
    schemas = {"args": spec.input_schema, "facts": spec.facts_schema}
    found: Mapping[str, Any] = schemas.get(group, {}).get("properties", {}).get(name, {})
    return found


def named(path: str, spec: ToolSpec) -> str:
    """`facts.account_known_days` as people say it."""
    title = schema_at(path, spec).get("title")
    if title:
        return f"{title[:1].lower()}{title[1:]}"
    if path.startswith("role "):
        return f"agent in role {path.removeprefix('role ')}"
    if path == "now.time":
        return "time of day (UTC)"
    if path.startswith("“") or "." not in path:
        return path
    group, name = path.split(".", 1)
    words = inside(name)
    return words if group in ("args", "facts") else f"{group}'s {words}"


def valued(path: str, value: Any, spec: ToolSpec) -> str:
    if path == "now.time" and isinstance(value, int):
        return str(dt.timedelta(milliseconds=value))
    if path == "now" and isinstance(value, int):
        return f"{EPOCH + dt.timedelta(milliseconds=value):%d %b %Y %H:%M}"
    if isinstance(value, str):
        return f"“{value}”"
    return in_unit(value, str(schema_at(path, spec).get("unit", "")), "").strip()


def box_words(box: Box, spec: ToolSpec) -> str:
    """`amount over 10,000.00 and supplier known is no`; "always" for a box without conditions."""
    parts = [span_words(path, cells, spec) for path, cells in box.spans.items()]
    return ", ".join(parts) if parts else "always"


def example_words(box: Box, spec: ToolSpec) -> str:
    parts = [
        f"{named(path, spec)} {valued(path, value, spec)}"
        for path, value in box.example.items()
        if path in box.spans
    ]
    return ", ".join(parts)


def span_words(path: str, cells: Sequence[Cell], spec: ToolSpec) -> str:
    name = named(path, spec)
    absent = any(cell.kind == "absent" for cell in cells)
    present = [cell for cell in cells if cell.kind != "absent"]
    if not present:
        return f"{name} not known"
    tail = " or not known" if absent else ""
    if present[0].kind == "present":
        return f"{name} known"
    if present[0].kind == "flag":
        both = len({cell.value for cell in present}) == 2
        return (
            f"{name} known" if both else f"{name} is {valued(path, present[0].value, spec)}{tail}"
        )
    if present[0].kind in ("text", "other"):
        return f"{name} {text_words(path, present, spec)}{tail}"
    runs = [run_words(path, run, spec) for run in runs_of(present)]
    return f"{name} {' or '.join(runs)}{tail}"


def text_words(path: str, cells: Sequence[Cell], spec: ToolSpec) -> str:
    texts = [valued(path, cell.value, spec) for cell in cells if cell.kind == "text"]
    if any(cell.kind == "other" for cell in cells):
        return "is anything named by no rule" + (f", or {' or '.join(texts)}" if texts else "")
    return f"is {' or '.join(texts)}"


def runs_of(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Neighbouring points and intervals joined."""
    runs: list[list[Cell]] = []
    for cell in cells:
        if runs and touches(runs[-1][-1], cell):
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return runs


def touches(left: Cell, right: Cell) -> bool:
    end = left.value if left.kind == "point" else left.high
    start = right.value if right.kind == "point" else right.low
    if end == start:
        return not (left.kind == right.kind == "between")
    return left.kind == right.kind == "point" and isinstance(end, int) and start - end == 1


def run_words(path: str, run: Sequence[Cell], spec: ToolSpec) -> str:
    first, last = run[0], run[-1]
    if first is last and first.kind == "point":
        return f"exactly {valued(path, first.value, spec)}"
    low = first.value if first.kind == "point" else first.low
    high = last.value if last.kind == "point" else last.high
    parts = []
    if low is not None:
        word = "at least" if first.kind == "point" else "over"
        parts.append(f"{word} {valued(path, low, spec)}")
    if high is not None:
        word = "at most" if last.kind == "point" else "under"
        parts.append(f"{word} {valued(path, high, spec)}")
    return " and ".join(parts) if parts else "whatever it is"
