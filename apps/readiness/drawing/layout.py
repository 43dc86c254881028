"""A layered layout after Sugiyama, Tagawa and Toda (1981): cycles are broken, nodes put into
layers, crossings made few, and edges led around what lies between. The same input gives the same
drawing."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 12
ALIGNINGS = 8
Key = Hashable


class Dummy(NamedTuple):
    """Where an edge passes a row that it does not end in."""

    source: Key
    target: Key
    row: int


@dataclass(frozen=True)
class Size:
    """Boxes and what lies between them, in the units of the drawing."""

    width: int = 176
    height: int = 52
    across: int = 28
    down: int = 40
    lane: int = 18  # between two edges that pass a box


@dataclass
class Laid:
    """Middles of the boxes, the points that an edge passes, and the size of the whole."""

    places: dict[Key, tuple[float, float]]
    paths: dict[tuple[Key, Key], list[tuple[float, float]]]
    backward: set[tuple[Key, Key]]
    width: float
    height: float


@dataclass
class Graph:
    """Layers of nodes and of dummies, each with its neighbours above and below."""

    layers: list[list[Key]] = field(default_factory=list)
    above: dict[Key, list[Key]] = field(default_factory=lambda: defaultdict(list))
    below: dict[Key, list[Key]] = field(default_factory=lambda: defaultdict(list))


def lay(
    nodes: Sequence[Key],
    edges: Mapping[tuple[Key, Key], float],
    *,
    first: Iterable[Key] = (),
    size: Size | None = None,
) -> Laid:
    """`edges` by their weight (heavier ones are kept straight and forward); `first`: where the
    drawing begins."""
    size = size or Size()
    ways = {pair: weight for pair, weight in edges.items() if pair[0] != pair[1]}
    backward = broken(nodes, ways, list(first))
    forward = {
        (pair[1], pair[0]) if pair in backward else pair: weight for pair, weight in ways.items()
    }
    level = levels(nodes, forward)
    graph, chains = layered(nodes, forward, level)
    uncross(graph)
    across = aligned(graph, chains, forward, size)
    places = {
        node: (across[node], level[node] * (size.height + size.down) + size.height / 2)
        for node in nodes
    }
    return finished(places, across, chains, ways, backward, level, size)


def broken(
    nodes: Sequence[Key], edges: Mapping[tuple[Key, Key], float], first: list[Key]
) -> set[tuple[Key, Key]]:
    """Edges that lead back to where one comes from, walking the heaviest first."""
    out: dict[Key, list[Key]] = defaultdict(list)
    for (source, target), _ in sorted(edges.items(), key=lambda item: -item[1]):
        out[source].append(target)
    found: set[tuple[Key, Key]] = set()
    state: dict[Key, int] = {}
    for root in (*first, *nodes):
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(out[root]))]
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                stack.pop()
            elif state.get(following) == 1:
                found.add((node, following))
            elif following not in state:
                state[following] = 1
                stack.append((following, iter(out[following])))
    return found


def levels(nodes: Sequence[Key], edges: Iterable[tuple[Key, Key]]) -> dict[Key, int]:
    """The longest way from the top, in an order without cycles."""
    out, count = defaultdict(list), dict.fromkeys(nodes, 0)
    for source, target in edges:
        out[source].append(target)
        count[target] += 1
    level = dict.fromkeys(nodes, 0)
    free = [node for node in nodes if not count[node]]
    while free:
        node = free.pop(0)
        for target in out[node]:
            level[target] = max(level[target], level[node] + 1)
            count[target] -= 1
            if not count[target]:
                free.append(target)
    return level


Chain = list[Key]


def layered(
    nodes: Sequence[Key], edges: Mapping[tuple[Key, Key], float], level: Mapping[Key, int]
) -> tuple[Graph, dict[tuple[Key, Key], Chain]]:
    """Nodes by layer, and a dummy in every layer that an edge passes."""
    graph = Graph(layers=[[] for _ in range(max(level.values(), default=0) + 1)])
    for node in nodes:
        graph.layers[level[node]].append(node)
    chains: dict[tuple[Key, Key], Chain] = {}
    for source, target in edges:
        chain: Chain = [source]
        for between in range(level[source] + 1, level[target]):
            dummy = Dummy(source, target, between)
            graph.layers[between].append(dummy)
            chain.append(dummy)
        chain.append(target)
        chains[source, target] = chain
        for upper, lower in pairwise(chain):
            graph.below[upper].append(lower)
            graph.above[lower].append(upper)
    return graph, chains


def uncross(graph: Graph) -> None:
    """Puts each node beside its neighbours' middle, down and up, and keeps the best."""
    best, fewest = [list(layer) for layer in graph.layers], crossings(graph)
    for turn in range(SWEEPS):
        down = turn % 2 == 0
        order = range(1, len(graph.layers)) if down else range(len(graph.layers) - 2, -1, -1)
        sides = graph.above if down else graph.below
        for index in order:
            beside = graph.layers[index - 1 if down else index + 1]
            rank = {node: place for place, node in enumerate(beside)}
            own = {node: place for place, node in enumerate(graph.layers[index])}
            beside_middle = partial(place_of, sides, rank, own)
            graph.layers[index].sort(key=beside_middle)
        number = crossings(graph)
        if number < fewest:
            best, fewest = [list(layer) for layer in graph.layers], number
    graph.layers = best


def place_of(
    sides: Mapping[Key, Sequence[Key]], rank: Mapping[Key, int], own: Mapping[Key, int], node: Key
) -> tuple[float, int]:
    return middle(sides[node], rank, own[node]), own[node]


def middle(beside: Sequence[Key], rank: Mapping[Key, int], otherwise: float) -> float:
    places = [rank[each] for each in beside if each in rank]
    return sum(places) / len(places) if places else otherwise


def crossings(graph: Graph) -> int:
    total = 0
    for upper, lower in pairwise(graph.layers):
        rank = {node: place for place, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            ends = sorted(rank[each] for each in graph.below[node] if each in rank)
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def is_dummy(node: Key) -> bool:
    return isinstance(node, Dummy)


def aligned(
    graph: Graph,
    chains: Mapping[tuple[Key, Key], Chain],
    edges: Mapping[tuple[Key, Key], float],
    size: Size,
) -> dict[Key, float]:
    """Across: each near the weighted middle of its neighbours, in its layer's order, apart."""
    pull: dict[Key, list[tuple[Key, float]]] = defaultdict(list)
    for pair, chain in chains.items():
        weight = 1.0 + edges[pair]
        for upper, lower in pairwise(chain):
            strong = weight * (4.0 if is_dummy(upper) and is_dummy(lower) else 1.0)
            pull[upper].append((lower, strong))
            pull[lower].append((upper, strong))
    across: dict[Key, float] = {}
    for layer in graph.layers:
        at = 0.0
        for node in layer:
            half = room(node, size) / 2
            across[node] = at + half
            at += 2 * half + (size.lane if is_dummy(node) else size.across)
    for _ in range(ALIGNINGS):
        for layers in (graph.layers, reversed(graph.layers)):
            for layer in layers:
                spread(layer, across, pull, size)
    left = min((at - room(node, size) / 2 for node, at in across.items()), default=0.0)
    return {node: at - left for node, at in across.items()}


def room(node: Key, size: Size) -> float:
    return 0.0 if is_dummy(node) else float(size.width)


def spread(
    layer: Sequence[Key],
    across: dict[Key, float],
    pull: Mapping[Key, Sequence[tuple[Key, float]]],
    size: Size,
) -> None:
    """Moves a layer's nodes where they are pulled to, as far as their order and room allow: blocks
    of touching nodes settle at their common weighted middle (pool adjacent violators)."""
    blocks: list[tuple[float, float, list[Key]]] = []  # pulled start, weight, members
    offsets: dict[Key, float] = {}
    at = 0.0
    for index, node in enumerate(layer):
        if index:
            before = layer[index - 1]
            narrow = is_dummy(node) or is_dummy(before)
            gap = size.lane if narrow else size.across
            at += room(before, size) / 2 + gap + room(node, size) / 2
        offsets[node] = at
        weights = sum(weight for _, weight in pull[node]) if node in pull else 0.0
        wish = (
            sum(across[other] * weight for other, weight in pull[node]) / weights
            if weights
            else across[node]
        )
        start, weight, members = wish - at, max(weights, 0.01), [node]
        while blocks and blocks[-1][0] > start:
            other, heavy, more = blocks.pop()
            start = (start * weight + other * heavy) / (weight + heavy)
            weight, members = weight + heavy, more + members
        blocks.append((start, weight, members))
    for start, _, members in blocks:
        for node in members:
            across[node] = start + offsets[node]


def finished(
    places: dict[Key, tuple[float, float]],
    across: Mapping[Key, float],
    chains: Mapping[tuple[Key, Key], Chain],
    edges: Iterable[tuple[Key, Key]],
    backward: set[tuple[Key, Key]],
    level: Mapping[Key, int],
    size: Size,
) -> Laid:
    paths: dict[tuple[Key, Key], list[tuple[float, float]]] = {}
    step = size.height + size.down
    for pair in edges:
        turned = pair in backward
        chain = chains[(pair[1], pair[0]) if turned else pair]
        first, last = chain[0], chain[-1]
        shift = size.width * 0.22 if turned else 0.0  # there and back are two lines
        points = [(places[first][0] + shift, places[first][1] + size.height / 2)]
        for dummy in chain:
            if isinstance(dummy, Dummy):
                at, top = across[dummy], dummy.row * step
                points += [(at, top), (at, top + size.height)]
        points.append((places[last][0] + shift, places[last][1] - size.height / 2))
        paths[pair] = points[::-1] if turned else points
    width = max((x for x, _ in places.values()), default=0.0) + size.width / 2
    width = max([width, *(x for path in paths.values() for x, _ in path)])
    height = (max(level.values(), default=0) + 1) * step - size.down
    return Laid(places, paths, backward, width, height)


def curve(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through the points, leaving and arriving straight down (or up)."""
    x, y = points[0]
    text = f"M{x:.1f} {y:.1f}"
    for nx, ny in points[1:]:
        half = (ny - y) / 2
        text += f"C{x:.1f} {y + half:.1f} {nx:.1f} {ny - half:.1f} {nx:.1f} {ny:.1f}"
        x, y = nx, ny
    return text
