"""What pages below and beside the inventory say of a process that a row names by its slug. Whoever
keeps the inventory tells it here at the start, so that no app looks sideways or upward for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def known() -> Mapping[str, Named]:
    """Every process of the inventory by its slug, in the order in which people read them."""
    return _tells[0]() if _tells else {}


def choices() -> list[tuple[str, str]]:
    return [(each.slug, each.name) for each in known().values()]
