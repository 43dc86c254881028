"""What pages below and beside the inventory say of a process that a row names by its slug. Whoever
keeps the inventory tells it here at the start, so that no app looks sideways or upward for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """`level` is the code of the words for how ready it is; `url` is "" while it has no page."""

    slug: str
    name: str
    level: str
    url: str = ""


Tell = Callable[[], Mapping[str, Named]]
_tells: list[Tell] = []


def tell(by: Tell) -> None:
    """Registers who knows the processes; it is asked anew whenever a page shows one."""
    _tells[:] = [by]


@dataclass(frozen=True)
class Bounded:
    """Something that names a process, so that its readiness bounds it: what it is, and its page."""

    what: str
    url: str


_bounds: dict[str, Callable[[str], Iterable[Bounded]]] = {}


def name_bounded(by: str, find: Callable[[str], Iterable[Bounded]]) -> None:
    """Registers where to look for what names a process: once per app."""
    _bounds[by] = find


def bounded(slug: str) -> list[Bounded]:
    """What the readiness of the process bounds, in every app that names processes."""
    return [each for _, find in sorted(_bounds.items()) for each in find(slug)]


def known() -> Mapping[str, Named]:
    """Every process of the inventory by its slug, in the order in which people read them."""
    return _tells[0]() if _tells else {}


def choices() -> list[tuple[str, str]]:
    return [(each.slug, each.name) for each in known().values()]
