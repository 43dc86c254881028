"""The pilots there are: each registers itself when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from apps.common import vocabulary


@dataclass(frozen=True)
class PilotInfo:
    """All that the rest of the product asks of a pilot.

    `sweep` runs every second and must be idempotent; `seed` fills a demonstration, once. `words`
    are the status words of the pilot's own things (common.vocabulary), `records` its models that
    keep no history because they are a record themselves, `hint` a line for whoever starts the
    demonstration.
    """

    slug: str
    title: str
    url_name: str
    sweep: Callable[[], None]
    seed: Callable[[], None]
    words: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    records: tuple[str, ...] = ()
    hint: Callable[[], str] | None = None


_PILOTS: dict[str, PilotInfo] = {}


def register(pilot: PilotInfo) -> None:
    _PILOTS[pilot.slug] = pilot
    for kind, words in pilot.words.items():
        vocabulary.teach(kind, words)


def pilots() -> tuple[PilotInfo, ...]:
    return tuple(_PILOTS[slug] for slug in sorted(_PILOTS))
