"""Safe Petri nets and cheapest alignments.

A marking is an integer with one bit per place. Adriansyah 2014: the cheapest path through the
synchronous product of net and trace, one for each move that only one of them makes; the search is
Dijkstra's, helped by the number of remaining events that the net does not know.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.readiness.mining.results import Move

STATE_CAP = 200_000
MARKING_CAP = 20_000


class DocumentRefused(ValueError):
    """The documented process cannot be used; the message says why, for the person who drew it."""


@dataclass(frozen=True)
class Transition:
    """`label` None: silent. `takes` and `gives` are bit masks of places."""

    label: str | None
    takes: int
    gives: int


@dataclass(frozen=True)
class Net:
    transitions: tuple[Transition, ...]
    initial: int
    final: int

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(each.label for each in self.transitions if each.label is not None)


class Builder:
    """Numbers places and collects transitions."""

    def __init__(self) -> None:
        self.places = 0
        self.transitions: list[Transition] = []

    def place(self) -> int:
        self.places += 1
        return 1 << (self.places - 1)

    def add(self, label: str | None, takes: int, gives: int) -> None:
        self.transitions.append(Transition(label, takes, gives))

    def net(self, initial: int, final: int) -> Net:
        net = Net(tuple(self.transitions), initial, final)
        prove_safe(net)
        return net


def prove_safe(net: Net) -> None:
    """Refuses a net in which a place may hold two tokens, or that can never end."""
    seen, waiting, ends = {net.initial}, [net.initial], False
    while waiting:
        marking = waiting.pop()
        ends = ends or marking == net.final
        for each in net.transitions:
            if marking & each.takes != each.takes:
                continue
            rest = marking & ~each.takes
            if rest & each.gives:
                raise DocumentRefused(
                    "The process may pass the same point twice at once: branches that were split "
                    "in parallel must be joined in parallel, and choices by an exclusive gateway."
                )
            after = rest | each.gives
            if after not in seen:
                seen.add(after)
                waiting.append(after)
        if len(seen) > MARKING_CAP:
            raise DocumentRefused(f"The process has more than {MARKING_CAP:,} states.")
    if not ends:
        raise DocumentRefused("The process can never reach its end.")


def follows(net: Net) -> tuple[tuple[str, str], ...]:
    """What may directly follow what, as documented: (a, b) in the alphabet's order."""
    found: set[tuple[str, str]] = set()
    quiet: dict[int, set[str]] = {}
    seen, waiting = {net.initial}, [net.initial]
    while waiting:
        marking = waiting.pop()
        for label, after in firings(net, marking):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
            if label is not None:
                if after not in quiet:
                    quiet[after] = next_labels(net, after)
                found |= {(label, other) for other in quiet[after]}
    return tuple(sorted(found))


def next_labels(net: Net, marking: int) -> set[str]:
    """The steps that can come next, through whatever is silent."""
    labels: set[str] = set()
    seen, waiting = {marking}, [marking]
    while waiting:
        for label, after in firings(net, waiting.pop()):
            if label is not None:
                labels.add(label)
            elif after not in seen:
                seen.add(after)
                waiting.append(after)
    return labels


@dataclass
class Aligner:
    """Aligns traces with one net, and remembers what it found."""

    net: Net
    cap: int = STATE_CAP
    known: dict[tuple[str, ...], tuple[int, tuple[Move, ...]] | None] = field(default_factory=dict)

    def align(self, trace: Iterable[str]) -> tuple[int, tuple[Move, ...]] | None:
        """The cost and moves of a cheapest alignment; None if more than `cap` states were met."""
        key = tuple(trace)
        if key not in self.known:
            self.known[key] = cheapest(self.net, key, self.cap)
        return self.known[key]


State = tuple[int, int]  # marking, events done


def cheapest(
    net: Net, trace: tuple[str, ...], cap: int = STATE_CAP
) -> tuple[int, tuple[Move, ...]] | None:
    labels, left = net.labels, [0] * (len(trace) + 1)
    for place in range(len(trace) - 1, -1, -1):
        left[place] = left[place + 1] + (trace[place] not in labels)
    start, goal = (net.initial, 0), (net.final, len(trace))
    best: dict[State, int] = {start: 0}
    came: dict[State, tuple[State, Move | None]] = {}
    queue: list[tuple[int, int, int, int, int]] = [(left[0], 0, 0, net.initial, 0)]
    done: set[State] = set()
    enabled: dict[int, list[tuple[str | None, int]]] = {}
    while queue:
        _, _, cost, marking, place = heapq.heappop(queue)
        state = (marking, place)
        if state in done:
            continue
        if state == goal:
            return cost, path(came, goal)
        done.add(state)
        if len(done) > cap:
            return None
        if marking not in enabled:
            enabled[marking] = firings(net, marking)
        for step, more, move in moves(enabled[marking], marking, place, trace):
            price = cost + more
            if price < best.get(step, 1 << 60):
                best[step] = price
                came[step] = (state, move)
                ahead = price + left[step[1]]
                heapq.heappush(queue, (ahead, -step[1], price, step[0], step[1]))
    raise DocumentRefused("The process can never reach its end.")


def firings(net: Net, marking: int) -> list[tuple[str | None, int]]:
    return [
        (each.label, (marking & ~each.takes) | each.gives)
        for each in net.transitions
        if marking & each.takes == each.takes
    ]


def moves(
    enabled: list[tuple[str | None, int]], marking: int, place: int, trace: tuple[str, ...]
) -> Iterable[tuple[State, int, Move | None]]:
    event = trace[place] if place < len(trace) else None
    for label, after in enabled:
        if label is None:
            yield (after, place), 0, None
            continue
        if label == event:
            yield (after, place + 1), 0, Move("sync", label)
        yield (after, place), 1, Move("model", label)
    if event is not None:
        yield (marking, place + 1), 1, Move("log", event)


def path(came: dict[State, tuple[State, Move | None]], state: State) -> tuple[Move, ...]:
    found: list[Move] = []
    while state in came:
        state, move = came[state]
        if move is not None:
            found.append(move)
    return tuple(reversed(found))
