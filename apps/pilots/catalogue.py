"""The pilots there are: each registers itself when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class PilotInfo:
    """`sweep` runs every second and must be idempotent; `seed` fills a demonstration, once."""

    slug: str
    title: str
    url_name: str
    sweep: Callable[[], None]
    seed: Callable[[], None]


_PILOTS: dict[str, PilotInfo] = {}


def register(pilot: PilotInfo) -> None:
    _PILOTS[pilot.slug] = pilot


def pilots() -> tuple[PilotInfo, ...]:
    return tuple(_PILOTS[slug] for slug in sorted(_PILOTS))
