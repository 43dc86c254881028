"""All rules of one tool on all cells: effects, differences as boxes, and what the rules lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from typing import Any

import numpy as np

from apps.policies.analysis.axes import Axis, Booleans, Cell, axes_of
from apps.policies.analysis.expressions import Tree, condition_of
from apps.policies.rules import Rule
from apps.policies.text import Compiled, concerns
from apps.registry.rules import ToolSpec

BUDGET = 5_000_000
MOST_BOXES = 12
MOST_OTHERS = 5
ALLOW, DENY, REVIEW = 0, 1, 2
Codes = np.ndarray[Any, np.dtype[np.int64]]


class TooLarge(Exception):
    """More cells than the budget: this tool is not analysed, and the report says so."""


@dataclass(frozen=True)
class Guard:
    """One forbid of one tool, with the tree of its condition."""

    rule: Rule
    line: int
    condition: Tree


@dataclass(frozen=True)
class Box:
    """A set of cells: per attribute the cells it spans; attributes that do not matter are left
    out. `example` has one value per attribute."""

    spans: Mapping[str, tuple[Cell, ...]]
    example: Mapping[str, Any]
    cells: int


@dataclass(frozen=True)
class Difference:
    """One effect pair of one tool: what was, what would be, and where. `more` boxes are left
    out of the list, never of the count."""

    tool: str
    before: str
    after: str
    boxes: tuple[Box, ...]
    cells: int
    more: bool


def guards_of(compiled: Sequence[Compiled], spec: ToolSpec) -> list[Guard]:
    """The forbids that can match the tool. Permits do not enter: the analysis takes the
    permission for granted and asks what the guardrails then do."""
    resource = {"effect": spec.effect, "data_class": spec.data_class}
    return [
        Guard(each.rule, each.line, condition_of(each.source, resource))
        for each in compiled
        if each.rule.effect == "forbid"
        and concerns(each.source, tool=spec.name, groups={spec.effect})
    ]


def optional_paths(spec: ToolSpec) -> set[str]:
    found = set()
    for group, schema in (("args", spec.input_schema), ("facts", spec.facts_schema)):
        required = set(schema.get("required", ()))
        names = set(schema.get("properties", {})) - required
        found |= {f"{group}.{name}" for name in names}
    return found


@dataclass
class Grid:
    """Every combination of the attributes' cells for one tool."""

    axes: list[Axis]
    place: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.place = {axis.path: index for index, axis in enumerate(self.axes)}

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.cells) for axis in self.axes)

    @property
    def cells(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) if self.axes else 1

    def holds(self, tree: Tree) -> Booleans:
        """Where the condition holds, in a shape that broadcasts to the grid."""
        if tree.atom is not None:
            index = self.place[tree.atom.path]
            shape = [1] * len(self.axes)
            shape[index] = len(self.axes[index].cells)
            return self.axes[index].answers(tree.atom).reshape(shape)
        if tree.op == "const":
            return np.full([1] * len(self.axes), tree.truth)
        parts = [self.holds(part) for part in tree.parts]
        if tree.op == "not":
            return ~parts[0]
        join = np.logical_and if tree.op == "and" else np.logical_or
        return reduce(join, parts)

    def whole(self, found: Booleans) -> Booleans:
        return np.broadcast_to(found, self.shape)


def grid_for(spec: ToolSpec, *sets: Sequence[Guard]) -> Grid:
    atoms = [atom for guards in sets for guard in guards for atom in guard.condition.atoms()]
    grid = Grid(list(axes_of(atoms, optional_paths(spec)).values()))
    if grid.cells > BUDGET or len(grid.axes) > 30:
        raise TooLarge(f"{grid.cells:,} combinations of {len(grid.axes)} attributes.")
    return grid


class Codebook:
    """Effects as numbers: allow, deny, and one number per way of asking people."""

    def __init__(self, checkpoints: Sequence[str]) -> None:
        self.checkpoints = sorted(set(checkpoints))

    def codes(self, grid: Grid, guards: Sequence[Guard]) -> Codes:
        denied = np.zeros(grid.shape, dtype=bool)
        people = {name: np.zeros(grid.shape, dtype=np.int8) for name in self.checkpoints}
        for guard in guards:
            hit = grid.holds(guard.condition)
            if not guard.rule.checkpoint:
                np.logical_or(denied, hit, out=denied)
                continue
            needed = people[guard.rule.checkpoint]
            np.maximum(needed, hit * np.int8(guard.rule.approvers), out=needed)
        codes = np.zeros(grid.shape, dtype=np.int64)
        for index, name in enumerate(self.checkpoints):
            codes += people[name].astype(np.int64) * 10**index
        codes[codes > 0] += REVIEW
        codes[denied] = DENY
        return codes

    def words(self, code: int) -> str:
        if code in (ALLOW, DENY):
            return "deny" if code == DENY else "allow"
        asked = code - REVIEW
        parts = []
        for index, name in enumerate(self.checkpoints):
            if people := asked // 10**index % 10:
                parts.append(f"{people} at {name}")
        return "review by " + " and ".join(parts)


def differences(
    spec: ToolSpec, before: Sequence[Compiled], after: Sequence[Compiled]
) -> list[Difference]:
    """Where two sets of rules decide the tool's actions differently. Raises TooLarge."""
    old, new = guards_of(before, spec), guards_of(after, spec)
    if not old and not new:
        return []
    grid = grid_for(spec, old, new)
    book = Codebook([g.rule.checkpoint for g in (*old, *new) if g.rule.checkpoint])
    was, becomes = book.codes(grid, old), book.codes(grid, new)
    changed = was != becomes
    pairs = sorted({(int(a), int(b)) for a, b in zip(was[changed], becomes[changed], strict=True)})
    found = []
    for a, b in pairs:
        mask = (was == a) & (becomes == b)
        boxes = list(boxes_of(grid, mask))
        covered = sum(box.cells for box in boxes)
        total = int(mask.sum())
        found.append(
            Difference(
                spec.name, book.words(a), book.words(b), tuple(boxes), total, covered < total
            )
        )
    return found


def boxes_of(grid: Grid, mask: Booleans) -> Iterator[Box]:
    """Covers the cells by boxes, the widest possible around each first uncovered cell."""
    if not grid.axes:
        yield Box({}, {}, int(mask.sum()))
        return
    left = mask.copy()
    for _ in range(MOST_BOXES):
        first = np.argwhere(left)
        if not len(first):
            return
        start = tuple(int(index) for index in first[0])
        spans = [[index] for index in start]
        for axis in range(len(spans)):
            widen(mask, spans, axis)
        part = np.ix_(*spans)
        fresh = int(left[part].sum())
        left[part] = False
        yield box_of(grid, spans, start, fresh)


def widen(mask: Booleans, spans: list[list[int]], axis: int) -> None:
    for index in range(mask.shape[axis]):
        if index not in spans[axis]:
            trial = [*spans[:axis], [index], *spans[axis + 1 :]]
            if mask[np.ix_(*trial)].all():
                spans[axis].append(index)
    spans[axis].sort()


def box_of(grid: Grid, spans: list[list[int]], start: tuple[int, ...], cells: int) -> Box:
    named = {
        axis.path: tuple(axis.cells[index] for index in span)
        for axis, span in zip(grid.axes, spans, strict=True)
        if len(span) < len(axis.cells)
    }
    example = {
        axis.path: axis.cells[index].example()
        for axis, index in zip(grid.axes, start, strict=True)
        if axis.cells[index].kind != "absent"
    }
    return Box(named, example, cells)


@dataclass(frozen=True)
class Lint:
    """One weakness of a rule. `kind`: unreachable, overridden, redundant."""

    rule_id: str
    line: int
    kind: str
    by: tuple[str, ...] = ()


def weaknesses(specs: Sequence[ToolSpec], compiled: Sequence[Compiled]) -> list[Lint]:
    """Rules that no action can meet, that a stricter rule always overrides, or whose removal
    would change nothing. A rule is weak only if it is so for every tool it concerns."""
    seen: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    lines: dict[str, int] = {}
    for each in compiled:
        if each.rule.effect == "forbid":
            seen[each.rule.key], lines[each.rule.key] = [], each.line
    names = {each.rule.key: each.rule.rule_id for each in compiled}
    for spec in specs:
        for key, verdict, by in weak_for(spec, guards_of(compiled, spec)):
            seen[key].append((verdict, by))
    found = []
    for key, verdicts in seen.items():
        kinds = [kind for kind, _ in verdicts]
        if "works" in kinds:
            continue
        kind = next((k for k in ("redundant", "overridden") if k in kinds), "unreachable")
        by = tuple(sorted({names[other] for _, others in verdicts for other in others}))
        found.append(Lint(names[key], lines[key], kind, by))
    return sorted(found, key=lambda lint: lint.line)


def weak_for(spec: ToolSpec, guards: Sequence[Guard]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if not guards:
        return
    try:
        grid = grid_for(spec, guards)
    except TooLarge:
        yield from ((guard.rule.key, "works", ()) for guard in guards)
        return
    work = Weighing(grid, guards)
    for index, guard in enumerate(guards):
        verdict, by = work.weigh(index)
        yield guard.rule.key, verdict, tuple(guards[other].rule.key for other in by)


Signature = tuple[str, int, int, bool]


class Weighing:
    """Whether each rule decides anything. How often every cell is hit is counted once per way of
    deciding (deny, or a checkpoint with so many people so soon), so that a rule is weighed against
    all others by a few comparisons. A rule found redundant is taken out of the counts: of two
    equal rules only one is told."""

    def __init__(self, grid: Grid, guards: Sequence[Guard]) -> None:
        self.guards = guards
        self.hits = [grid.whole(grid.holds(guard.condition)) for guard in guards]
        self.counts: dict[Signature, np.ndarray[Any, np.dtype[np.int32]]] = {}
        for guard, hit in zip(guards, self.hits, strict=True):
            key = signature(guard.rule)
            self.counts.setdefault(key, np.zeros(grid.shape, dtype=np.int32))
            self.counts[key] += hit
        self.none = np.zeros(grid.shape, dtype=np.int32)

    def weigh(self, index: int) -> tuple[str, list[int]]:
        hit, key = self.hits[index], signature(self.guards[index].rule)
        if not hit.any():
            return "unreachable", []
        deciding = hit & (self.counts[key] == 1)
        if key != DENIES:
            undenied = hit & (self.counts.get(DENIES, self.none) == 0)
            if not undenied.any():
                return "overridden", self.others(index, denying=True)
            deciding &= undenied
        for rival, count in self.counts.items():
            if rival != key and covers(rival, key):
                deciding &= count == 0
        if deciding.any():
            return "works", []
        self.counts[key] -= hit
        return "redundant", self.others(index, denying=key == DENIES)

    def others(self, index: int, *, denying: bool) -> list[int]:
        """Some of those who take the rule's place where it matches."""
        found = (
            other
            for other, guard in enumerate(self.guards)
            if other != index
            and denying == (not guard.rule.checkpoint)
            and bool((self.hits[other] & self.hits[index]).any())
        )
        return list(islice(found, MOST_OTHERS))


DENIES: Signature = ("", 0, 0, False)


def signature(rule: Rule) -> Signature:
    if not rule.checkpoint:
        return DENIES
    return rule.checkpoint, rule.approvers, rule.within_seconds, rule.sampled


def covers(rival: Signature, rule: Signature) -> bool:
    """Whether the rival asks at the same checkpoint for at least as many people, as soon, and no
    less surely."""
    if rival[0] != rule[0] or DENIES in (rival, rule):
        return False
    soon = rival[2] == rule[2] or (rival[2] > 0 and (not rule[2] or rival[2] <= rule[2]))
    return rival[1] >= rule[1] and soon and (rule[3] or not rival[3])
