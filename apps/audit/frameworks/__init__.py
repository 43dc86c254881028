"""What frameworks ask for, as dated data: each row with the query that proves it, or the words
that nothing here does. In our own words; the texts themselves are with their publishers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from apps.ledger.catalogue import ACTS


class Coverage(StrEnum):
    DOCUMENTED = "documented"
    PARTIAL = "partial"
    NOT_COVERED = "not_covered"


@dataclass(frozen=True)
class Row:
    """One requirement. `acts` are codes or families of the ledger (`policy.*`) that prove it;
    `page` names a page that shows it; `lacks` says what is missing. A row whose acts the
    catalogue does not know, and that has no page, is not covered."""

    code: str
    asks: str
    acts: tuple[str, ...] = ()
    page: str = ""
    lacks: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(sorted(expand(self.acts)))

    @property
    def coverage(self) -> Coverage:
        if not (self.types or self.page):
            return Coverage.NOT_COVERED
        return Coverage.PARTIAL if self.lacks else Coverage.DOCUMENTED

    @property
    def query(self) -> str:
        """The search that shows the proof."""
        known = [act for act in self.acts if expand([act])]
        return " ".join(f"type:{act}" for act in known)


def expand(acts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for act in acts:
        family = act.removesuffix("*")
        found |= {
            code for code in ACTS if (code.startswith(family) if act != family else code == act)
        }
    return found


@dataclass(frozen=True)
class Framework:
    """A publication: its edition, where it is, when it was read, and what to know of its force."""

    slug: str
    title: str
    edition: str
    source: str
    read_on: dt.date
    applies: tuple[str, ...]
    rows: tuple[Row, ...]
