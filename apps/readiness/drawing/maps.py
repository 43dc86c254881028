"""The process map and the map of systems: what stands where, and what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.readiness.drawing.layout import Size, curve, lay

MOST_NODES = 60
MOST_EDGES = 120
LETTERS = 25
PAD = 14
LOOP = 16


@dataclass(frozen=True)
class Box:
    """A node: its middle, its name in lines, a line of numbers, classes, and all of it in words."""

    x: float
    y: float
    lines: tuple[str, ...]
    note: str
    classes: str
    title: str

    @property
    def left(self) -> float:
        return self.x - Size.width / 2

    @property
    def top(self) -> float:
        return self.y - Size.height / 2


@dataclass(frozen=True)
class Line:
    """An edge: its path, how thick (1 to 8), classes, a label with its place, and the whole."""

    path: str
    thick: float
    classes: str
    label: str
    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Drawing:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    box_width: int = Size.width
    box_height: int = Size.height
    left_out: int = 0

    @property
    def view_box(self) -> str:
        return f"{-PAD} {-PAD} {self.width + 2 * PAD} {self.height + 2 * PAD}"


def process_map(
    graph: Mapping[str, Any],
    conformance: Mapping[str, Any] | None,
    documented: Sequence[str],
    verdicts: Iterable[Mapping[str, str]] = (),
    ways: Iterable[Sequence[str]] = (),
) -> Drawing:
    """What really happened (mining's graph as kept in an assessment), with undocumented steps and
    ways told apart from documented ones, and controls that were left out. `ways`: what may follow
    what as documented; those that nobody went are drawn thin."""
    cases = max(1, int(graph["cases"]))
    steps = sorted(graph["steps"], key=lambda step: -step["cases"])[:MOST_NODES]
    shown = {step["activity"] for step in steps}
    known = set(documented)
    skipped = {
        each["activity"]: each["cases"] for each in (conformance or {}).get("skipped_controls", ())
    }
    judged = {each["activity"]: each["verdict"] for each in verdicts}
    all_edges = [e for e in graph["edges"] if e["source"] in shown and e["target"] in shown]
    edges = kept(all_edges, shown)
    missing = [name for name in documented if name not in shown and name in skipped]
    nodes = [*(step["activity"] for step in steps), *missing]
    weights = {(e["source"], e["target"]): e["cases"] / cases * 10 for e in edges}
    gone = {(e["source"], e["target"]) for e in graph["edges"]}
    unused = [
        (source, target)
        for source, target in ways
        if source in nodes and target in nodes and source != target
        and (source, target) not in gone
    ][:MOST_EDGES]  # fmt: skip
    weights = {**dict.fromkeys(unused, 0.05), **weights}
    starts = sorted(steps, key=lambda step: -step["starts"])
    laid = lay(nodes, weights, first=[s["activity"] for s in starts if s["starts"]])
    boxes = [
        box(step, laid.places[step["activity"]], cases, known, skipped, judged) for step in steps
    ]
    boxes += [
        Box(*laid.places[name], wrapped(name), "never done", "box skipped",
            f"{name}: documented, but never done in this log")
        for name in missing
    ]  # fmt: skip
    lines = [
        Line(curve(laid.paths[pair]), 1.0, "edge documented", "", *laid.paths[pair][0],
             f"{pair[0]} → {pair[1]}: documented, but nobody went this way")
        for pair in unused
    ]  # fmt: skip
    lines += [edge(e, laid.paths, laid.places, cases, known) for e in edges]
    return Drawing(
        tuple(boxes), tuple(lines), round(laid.width) + LOOP, round(laid.height),
        left_out=max(0, int(graph.get("edge_count", 0)) - len(edges)),
    )  # fmt: skip


def kept(edges: Sequence[Mapping[str, Any]], nodes: Iterable[str]) -> list[Mapping[str, Any]]:
    """The commonest edges, and of every node at least its commonest way in and out."""
    ranked = sorted(edges, key=lambda e: (-e["cases"], e["source"], e["target"]))
    least = ranked[:MOST_EDGES]
    picked = {(e["source"], e["target"]) for e in least}
    for side in ("source", "target"):
        met = {e[side] for e in least}
        for e in ranked:
            if e[side] not in met:
                met.add(e[side])
                picked.add((e["source"], e["target"]))
    return [e for e in ranked if (e["source"], e["target"]) in picked]


WORDS = {"automate": "an agent can", "checkpoint": "agent, with a person", "human": "a person"}


def box(
    step: Mapping[str, Any],
    place: tuple[float, float],
    cases: int,
    known: set[str],
    skipped: Mapping[str, int],
    judged: Mapping[str, str],
) -> Box:
    name, share = step["activity"], step["cases"] / cases
    classes = ["box"]
    if known and name not in known:
        classes.append("shadow")
    if name in skipped:
        classes.append("left-out")
    if name in judged:
        classes.append(judged[name])
    title = f"{name}: {step['count']:,} times in {step['cases']:,} cases ({share:.0%})"
    if known and name not in known:
        title += "; undocumented"
    if name in skipped:
        title += f"; left out in {skipped[name]:,} cases"
    if name in judged:
        title += f"; {WORDS[judged[name]]}"
    return Box(*place, wrapped(name), f"{step['count']:,} · {share:.0%}", " ".join(classes), title)


def edge(
    e: Mapping[str, Any],
    paths: Mapping[Any, list[tuple[float, float]]],
    places: Mapping[Any, tuple[float, float]],
    cases: int,
    known: set[str],
) -> Line:
    source, target, share = e["source"], e["target"], e["cases"] / cases
    hidden = known and (source not in known or target not in known)
    classes = "edge shadow" if hidden else "edge"
    title = (
        f"{source} → {target}: {e['count']:,} times in {e['cases']:,} cases, "
        f"half of them within {span(e['median'])}"
    )
    if source == target:
        x, y = places[source]
        right = x + Size.width / 2
        path = f"M{right:.1f} {y - 8:.1f}c{LOOP} -8 {LOOP} 24 0 16"  # its own way back
        return Line(path, thickness(share), classes, "", right, y, title)
    points = paths[source, target]
    middle = points[len(points) // 2] if len(points) > 2 else (
        (points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2)  # fmt: skip
    label = f"{e['count']:,}" if share >= 0.02 or hidden else ""
    return Line(curve(points), thickness(share), classes, label, *middle, title)


def thickness(share: float) -> float:
    return round(1 + 5 * min(1.0, share), 1)


def system_map(systems: Mapping[str, Any]) -> Drawing:
    """Which systems a case passes through, and which of them every case needs."""
    nodes = systems["nodes"][:MOST_NODES]
    names = [node["name"] for node in nodes]
    edges = [e for e in systems["edges"] if e["source"] in names and e["target"] in names]
    edges = sorted(edges, key=lambda e: -e["share"])[:MOST_EDGES]
    weights = {(e["source"], e["target"]): e["share"] * 10 for e in edges}
    laid = lay(names, weights, first=names[:1])
    boxes = []
    for node in nodes:
        classes = "box" if node["sanctioned"] else "box shadow"
        if node["single_point"]:
            classes += " single"
        note = f"{ACCESS.get(node['access'], '')} · {node['share']:.0%}"
        words = "sanctioned" if node["sanctioned"] else "nobody sanctioned it"
        title = f"{node['name']}: in {node['share']:.0%} of the cases, {words}"
        title += "; every case needs it" if node["single_point"] else ""
        boxes.append(Box(*laid.places[node["name"]], wrapped(node["name"]), note, classes, title))
    lines = []
    for e in edges:
        points = laid.paths[e["source"], e["target"]]
        title = (
            f"{e['source']} → {e['target']}: {e['count']:,} times, {e['share']:.0%} of the cases"
        )
        lines.append(Line(curve(points), thickness(e["share"]), "edge", "", *points[0], title))
    return Drawing(tuple(boxes), tuple(lines), round(laid.width), round(laid.height))


ACCESS = {"api": "API", "ui": "screens", "file": "files", "none": "no access"}


def wrapped(name: str) -> tuple[str, ...]:
    """One or two lines that fit the box; what does not fit is in the title."""
    words, lines = name.split(), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= LETTERS or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    lines = [line if len(line) <= LETTERS else line[: LETTERS - 1] + "…" for line in lines]
    if len(lines) > 2:
        lines = [lines[0], lines[1][: LETTERS - 1].rstrip() + "…"]
    return tuple(lines)


def span(seconds: float) -> str:
    """A duration in words, in the unit that fits."""
    for unit, length in (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0)):
        if seconds >= length:
            number = seconds / length
            return f"{number:.1f} {unit}s" if round(number, 1) != 1 else f"1 {unit}"
    return f"{seconds:.0f} seconds"
