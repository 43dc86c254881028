"""All rules of one tool on all cells: effects, differences as boxes, and what the rules lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import islice
from typing import Any

import numpy as np

from apps.policies.analysis.axes import Axis, Booleans, Cell, axes_of
from apps.policies.analysis.expressions import Tree, condition_of
from apps.policies.rules import Judgement, Outline, Rule, asks_of, outline
from apps.policies.text import Compiled, concerns
from apps.registry.rules import ToolSpec

# What a request that was recorded earlier, or an action that belongs to no process, has not.
LATER = (
    "agent.department", "agent.data_classes", "agent.actions_last_hour", "agent.actions_last_day",
    "process.slug", "process.level",
)  # fmt: skip
BUDGET = 5_000_000
MOST_BOXES = 12
MOST_OTHERS = 5
Codes = np.ndarray[Any, np.dtype[Any]]


class TooLarge(Exception):
    """More cells than the budget: this tool is not analysed, and the report says so."""


@dataclass(frozen=True)
class Guard:
    """One forbid of one tool, or a permit that obliges, with the tree of its condition."""

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
    before: Outline
    after: Outline
    boxes: tuple[Box, ...]
    cells: int
    more: bool


def guards_of(compiled: Sequence[Compiled], spec: ToolSpec) -> list[Guard]:
    """The forbids that can match the tool, and the permits that oblige. Other permits do not enter:
    the analysis takes the permission for granted and asks what the guardrails then do."""
    resource = {"effect": spec.effect, "data_class": spec.data_class}
    return [
        Guard(each.rule, each.line, condition_of(each.source, resource))
        for each in compiled
        if (each.rule.effect == "forbid" or each.rule.obligation)
        and concerns(each.source, tool=spec.name, groups={spec.effect})
    ]


def optional_paths(spec: ToolSpec) -> set[str]:
    found = set(LATER)
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


def grid_for(spec: ToolSpec, *sets: Sequence[Guard]) -> Grid:
    atoms = [atom for guards in sets for guard in guards for atom in guard.condition.atoms()]
    grid = Grid(list(axes_of(atoms, optional_paths(spec)).values()))
    if grid.cells > BUDGET or len(grid.axes) > 30:
        raise TooLarge(f"{grid.cells:,} combinations of {len(grid.axes)} attributes.")
    return grid


class Ways:
    """Every way in which rules decide (deny, ask at a checkpoint so many people so soon, oblige)
    has a bit: a cell's number says which of them hit it, and so what is decided there."""

    def __init__(self, guards: Iterable[Guard]) -> None:
        self.bits: dict[Rule, int] = {}
        self.ways: list[Rule] = []
        for guard in guards:
            way = way_of(guard.rule)
            if way not in self.bits:
                self.bits[way] = 1 << len(self.ways)
                self.ways.append(way)
        if len(self.ways) > MOST_WAYS:
            raise TooLarge(f"{len(self.ways)} ways of asking people.")
        self.kind = next(kind for kind in (np.uint8, np.uint16, np.int64)
                         if len(self.ways) <= np.iinfo(kind).bits - 1)  # fmt: skip

    def codes(self, grid: Grid, guards: Sequence[Guard]) -> Codes:
        """Rules about the same attributes are put together in those attributes' own corner of the
        grid first: only the corners are spread over all of it."""
        corners: dict[tuple[int, ...], Codes] = {}
        for guard in guards:
            hit = grid.holds(guard.condition)
            corner = corners.get(hit.shape)
            if corner is None:
                corner = corners[hit.shape] = np.zeros(hit.shape, dtype=self.kind)
            bit = self.kind(self.bits[way_of(guard.rule)])
            np.bitwise_or(corner, bit, out=corner, where=hit)
        whole: Codes = np.zeros(grid.shape, dtype=self.kind)
        for corner in corners.values():
            np.bitwise_or(whole, corner, out=whole)
        return whole

    def outline(self, code: int) -> Outline:
        hit = [way for index, way in enumerate(self.ways) if code >> index & 1]
        forbids = [way for way in hit if way.effect == "forbid"]
        if any(not way.checkpoint for way in forbids):
            return Outline("deny")
        if forbids:
            asked = asks_of(forbids)
            return outline(Judgement("review", checkpoints=asked))
        return Outline("allow", (), tuple(sorted({way.obligation for way in hit})))


MOST_WAYS = 62


@cache
def way_of(rule: Rule) -> Rule:
    """The rule without what makes it this one: what is left is how it decides."""
    return Rule(
        key=f"{rule.checkpoint} {rule.obligation}",
        rule_id="",
        policy="",
        version=0,
        effect=rule.effect,
        sentence="",
        checkpoint=rule.checkpoint,
        approvers=rule.approvers if rule.checkpoint else 0,
        within_seconds=rule.within_seconds if rule.checkpoint else 0,
        sampled=rule.sampled and bool(rule.checkpoint),
        obligation=rule.obligation,
    )


def differences(
    spec: ToolSpec, before: Sequence[Compiled], after: Sequence[Compiled]
) -> list[Difference]:
    """Where two sets of rules decide the tool's actions differently. Raises TooLarge."""
    gone, kept, come = (guards_of(rules, spec) for rules in told_apart(before, after))
    if not (gone or come):
        return []
    grid = grid_for(spec, gone, kept, come)
    ways = Ways((*gone, *kept, *come))
    same = ways.codes(grid, kept)
    was, becomes = same | ways.codes(grid, gone), same | ways.codes(grid, come)
    found = []
    for (a, b), codes in pairs_of(ways, was, becomes).items():
        mask = np.zeros(grid.shape, dtype=bool)
        for one, other in codes:
            mask |= (was == one) & (becomes == other)
        boxes = tuple(boxes_of(grid, mask))
        total = int(np.count_nonzero(mask))
        covered = sum(box.cells for box in boxes)
        found.append(Difference(spec.name, a, b, boxes, total, covered < total))
    return found


def told_apart(
    before: Sequence[Compiled], after: Sequence[Compiled]
) -> tuple[list[Compiled], list[Compiled], list[Compiled]]:
    """Rules that only the old set has, that both have to the letter, and that only the new one
    has: what both have is read and evaluated once."""
    olds, news = (
        {(each.rule.policy, each.rule.rule_id): each.source for each in rules}
        for rules in (before, after)
    )
    same = {name for name, source in olds.items() if news.get(name) == source}

    def shared(each: Compiled) -> bool:
        return (each.rule.policy, each.rule.rule_id) in same

    return (
        [each for each in before if not shared(each)],
        [each for each in before if shared(each)],
        [each for each in after if not shared(each)],
    )


def pairs_of(
    ways: Ways, was: Codes, becomes: Codes
) -> dict[tuple[Outline, Outline], list[tuple[int, int]]]:
    """The pairs of decisions that differ, each with the codes that come to it."""
    changed = was != becomes
    both = was[changed].astype(np.int64), becomes[changed].astype(np.int64)
    found: dict[tuple[Outline, Outline], list[tuple[int, int]]] = {}
    for one, other in sorted(distinct(*both)):
        pair = ways.outline(one), ways.outline(other)
        if pair[0] != pair[1]:
            found.setdefault(pair, []).append((one, other))
    return found


def distinct(left: Codes, right: Codes) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    while len(left):
        one, other = int(left[0]), int(right[0])
        found.add((one, other))
        rest = (left != one) | (right != other)
        left, right = left[rest], right[rest]
    return found


def boxes_of(grid: Grid, mask: Booleans) -> Iterator[Box]:
    """Covers the cells by boxes, the widest possible around each first uncovered cell."""
    if not grid.axes:
        yield Box({}, {}, int(mask.sum()))
        return
    left = mask.copy()
    flat = left.reshape(-1)
    for _ in range(MOST_BOXES):
        first = int(flat.argmax())
        if not flat[first]:
            return
        start = tuple(int(index) for index in np.unravel_index(first, mask.shape))
        spans = [[index] for index in start]
        for axis in range(len(spans)):
            spans[axis] = widened(mask, spans, axis)
        part = np.ix_(*spans)
        fresh = int(np.count_nonzero(left[part]))
        left[part] = False
        yield box_of(grid, spans, start, fresh)


def widened(mask: Booleans, spans: list[list[int]], axis: int) -> list[int]:
    """Every index along the axis at which the whole of the other spans is in the mask."""
    along = [*spans[:axis], range(mask.shape[axis]), *spans[axis + 1 :]]
    others = tuple(index for index in range(mask.ndim) if index != axis)
    return [int(index) for index in np.flatnonzero(mask[np.ix_(*along)].all(axis=others))]


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
    forbids = [each for each in compiled if each.rule.effect == "forbid"]
    for each in forbids:
        seen[each.rule.key], lines[each.rule.key] = [], each.line
    names = {each.rule.key: each.rule.rule_id for each in forbids}
    for spec in specs:
        for key, verdict, by in weak_for(spec, guards_of(forbids, spec)):
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
        self.hits = [grid.holds(guard.condition) for guard in guards]
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
