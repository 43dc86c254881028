"""Value × readiness as a picture: a point for each process with the doubt of both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from apps.readiness.mining.levels import MOSTLY, PARTLY, READY

WIDTH, HEIGHT, EDGE = 640.0, 360.0, 44.0


@dataclass(frozen=True)
class Seen:
    """A process: hours a year (likely, low, high), readiness (low, value, high)."""

    name: str
    slug: str
    hours: tuple[float, float, float]
    readiness: tuple[float, float, float]
    blocked: bool


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float
    label: str
    slug: str
    label_x: float
    label_y: float
    anchor: str
    classes: str
    title: str


@dataclass(frozen=True)
class Quadrant:
    points: tuple[Point, ...]
    middle_x: float
    ready_y: float
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    width: float = WIDTH
    height: float = HEIGHT
    edge: float = EDGE


def drawn(seen: Iterable[Seen], middle: float) -> Quadrant:
    """x on a logarithmic scale of hours a year, y the readiness; the point stands at the lower 5 %
    bound, by which a process is judged, and its whisker reaches to the upper one."""
    rows = [each for each in seen if each.hours[0] > 0]
    most = max([10.0, *(each.hours[2] for each in rows)])
    least = min([most / 100, *(max(each.hours[1], 0.1) for each in rows)])
    top = math.log10(most * 1.3)
    bottom = math.log10(max(least * 0.7, 0.01))

    def x_of(hours: float) -> float:
        share = (math.log10(max(hours, 0.01)) - bottom) / (top - bottom)
        return EDGE + share * (WIDTH - 2 * EDGE)

    def y_of(value: float) -> float:
        return HEIGHT - EDGE - value * (HEIGHT - 2 * EDGE)

    points: list[Point] = []
    for each in sorted(rows, key=lambda row: (-row.readiness[0], row.name)):
        x, y = x_of(each.hours[0]), y_of(each.readiness[0])
        late = x > WIDTH * 0.7
        label_y = free(points, x, y, late=late)
        points.append(
            Point(
                x, y, x_of(each.hours[1]), x_of(each.hours[2]), y_of(each.readiness[2]), y,
                each.name, each.slug, x - 10 if late else x + 10, label_y,
                "end" if late else "start", "point blocked" if each.blocked else "point",
                f"{each.name}: {each.hours[0]:,.0f} hours a year "
                f"({each.hours[1]:,.0f} to {each.hours[2]:,.0f}), readiness "
                f"{each.readiness[1]:.2f} ({each.readiness[0]:.2f} to {each.readiness[2]:.2f})"
                + ("; a gate blocks it" if each.blocked else ""),
            )
        )  # fmt: skip
    ticks = [10.0**power for power in range(math.ceil(bottom), math.floor(top) + 1)]
    return Quadrant(
        tuple(points), x_of(middle) if middle else EDGE, y_of(READY),
        tuple((x_of(tick), f"{tick:,.0f} h") for tick in ticks),
        tuple((y_of(value), f"{value:.2f}") for value in (0.0, PARTLY, MOSTLY, READY, 1.0)),
    )  # fmt: skip


def free(points: Iterable[Point], x: float, y: float, *, late: bool) -> float:
    """A height for the label at which it runs into no other."""
    taken = [each.label_y for each in points if abs(each.x - x) < 220]
    at = y - 9
    while any(abs(at - other) < 14 for other in taken):
        at += 14
    return at
