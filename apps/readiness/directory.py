"""What the layers above ask while agents work: how far may they go in a process?"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS

from apps.readiness.models import Process, ReadinessStamp
from apps.readiness.states import Level


@dataclass(frozen=True)
class Standing:
    """A process as whoever bounds agents by it sees it. One that the inventory does not know
    stands like one that was never assessed."""

    slug: str
    name: str
    level: int = Level.UNKNOWN
    known: bool = True

    @property
    def words(self) -> str:
        return Level(self.level).label if self.level in Level.values else Level.UNKNOWN.label


_held: dict[str, tuple[int, dict[str, Standing]]] = {}


def standing(slug: str, number: int) -> Standing:
    """The process as it stands at this stamp; all are read once per stamp. Stamp 0 is the absence
    of one and is never kept."""
    held = _held.get(DEFAULT_DB_ALIAS)
    if held is None or held[0] != number or not number:
        held = _held[DEFAULT_DB_ALIAS] = (number, standings())
    return held[1].get(slug) or Standing(slug, slug, known=False)


def standings() -> dict[str, Standing]:
    """Every process by its slug, with its level. One question."""
    rows = Process.objects.order_by("name").values_list("slug", "name", "level")
    return {slug: Standing(slug, name, level) for slug, name, level in rows}


def forget() -> None:
    """Drops what this process holds (tests that rebuild the database under it)."""
    _held.clear()


def bump() -> None:
    """Moves the stamp inside the caller's transaction. It is drawn, not counted: what was read in
    a transaction that was rolled back can never be taken for a later state."""
    number = secrets.randbits(62)
    if not ReadinessStamp.objects.filter(pk=1).update(number=number):
        ReadinessStamp.objects.create(pk=1, number=number)
