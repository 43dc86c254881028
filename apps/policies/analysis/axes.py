"""Attributes cut at the constants that rules compare them with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from apps.policies.analysis.expressions import Atom

Booleans = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Cell:
    """One piece of an attribute: a point, an open interval between two points (None: no end),
    one text, any other text (than those in `apart`), a truth value, merely present, or absent."""

    kind: str
    value: Any = None
    low: Any = None
    high: Any = None
    apart: tuple[str, ...] = ()

    def example(self) -> Any:
        """A value in the cell."""
        if self.kind != "between":
            return self.value
        if self.low is None and self.high is None:
            return 0
        if self.low is None:
            return self.high - 1
        if self.high is None:
            return self.low + 1
        if isinstance(self.low, Decimal) or isinstance(self.high, Decimal):
            return (Decimal(self.low) + Decimal(self.high)) / 2
        return (self.low + self.high) // 2


@dataclass(frozen=True)
class Axis:
    """An attribute and its cells, in order; the cell of its absence is the last."""

    path: str
    cells: tuple[Cell, ...]

    @cached_property
    def place(self) -> dict[Any, int]:
        """Where each constant has its own cell."""
        return {
            cell.value: index
            for index, cell in enumerate(self.cells)
            if cell.kind in ("point", "text", "flag")
        }

    @cached_property
    def present(self) -> int:
        """How many cells there are but the absence."""
        return len(self.cells) - (self.cells[-1].kind == "absent")

    def answers(self, atom: Atom) -> Booleans:
        """In which cells the atom holds: everywhere in a cell or nowhere, since every constant
        that an atom names has a cell of its own."""
        found = np.zeros(len(self.cells), dtype=bool)
        found[self.span(atom)] = True
        return found

    def span(self, atom: Atom) -> slice:
        if atom.op == "has":
            return slice(0, self.present)
        at = self.place.get(True if atom.op == "is" else atom.value)
        if at is None:
            return slice(0, 0)
        first, last = SPANS.get(atom.op, (0, 1))
        return slice(
            0 if first is None else at + first, self.present if last is None else at + last
        )


# From where to where a comparison holds, seen from the constant's own cell.
SPANS: dict[str, tuple[int | None, int | None]] = {
    "<": (None, 0),
    "<=": (None, 1),
    ">": (1, None),
    ">=": (0, None),
}


def axes_of(atoms: Iterable[Atom], optional: Iterable[str] = ()) -> dict[str, Axis]:
    """One axis per attribute that the atoms ask about; where one asks whether it is there, or it
    is optional, there is a cell for its absence."""
    asked: dict[str, list[Atom]] = defaultdict(list)
    for atom in atoms:
        asked[atom.path].append(atom)
    may_lack = set(optional)
    return {
        path: Axis(path, cells_of(found, path in may_lack or any(a.op == "has" for a in found)))
        for path, found in sorted(asked.items())
    }


def cells_of(atoms: list[Atom], may_lack: bool) -> tuple[Cell, ...]:
    constants = {atom.value for atom in atoms if atom.op not in ("is", "has")}
    texts = sorted(value for value in constants if isinstance(value, str))
    numbers = sorted(value for value in constants if not isinstance(value, str))
    if texts:
        cells = [Cell("text", text) for text in texts] + [Cell("other", "…", apart=tuple(texts))]
    elif numbers:
        cells = number_cells(numbers)
    elif all(atom.op == "has" for atom in atoms):
        cells = [Cell("present", True)]
    else:
        cells = [Cell("flag", False), Cell("flag", True)]
    return tuple(cells + [Cell("absent")] * may_lack)


def number_cells(numbers: list[Any]) -> list[Cell]:
    cells = [Cell("between", None, None, numbers[0])]
    for index, number in enumerate(numbers):
        cells.append(Cell("point", number))
        upper = numbers[index + 1] if index + 1 < len(numbers) else None
        if not nothing_between(number, upper):
            cells.append(Cell("between", None, number, upper))
    return cells


def nothing_between(low: Any, high: Any) -> bool:
    return isinstance(low, int) and isinstance(high, int) and high - low <= 1
