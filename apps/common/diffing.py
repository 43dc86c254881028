"""Differences for people: field by field, and word by word inside a field. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WORD = re.compile(r"\s+|\w+|[^\w\s]")
MOST_WORDS = 4_000


@dataclass(frozen=True)
class Part:
    """A stretch of text: `kind` is same, del or ins."""

    kind: str
    text: str


@dataclass(frozen=True)
class FieldChange:
    name: str
    before: list[Part]
    after: list[Part]


@dataclass(frozen=True)
class Line:
    """One row of a text diff; a number is None where the side has no such line."""

    kind: str
    old: int | None
    new: int | None
    parts: list[Part]


def words(before: str, after: str) -> tuple[list[Part], list[Part]]:
    """Both texts in parts that say what went and what came."""
    old, new = WORD.findall(before), WORD.findall(after)
    if len(old) + len(new) > MOST_WORDS:
        return [Part("del", before)], [Part("ins", after)]
    left: list[Part] = []
    right: list[Part] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        gone, come = "".join(old[a:b]), "".join(new[c:d])
        same = kind == "equal"
        left += [Part("same" if same else "del", gone)] if gone else []
        right += [Part("same" if same else "ins", come)] if come else []
    return left, right


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """The fields that differ, in the order of `after`."""
    names = [*after, *(name for name in before if name not in after)]
    found = []
    for name in names:
        old, new = shown(before.get(name)), shown(after.get(name))
        if old != new:
            left, right = words(old, new)
            found.append(FieldChange(name, left, right))
    return found


def shown(value: Any) -> str:
    return "" if value is None else str(value)


def lines(before: str, after: str) -> list[Line]:
    """A whole text against another, line by line, with the words that changed marked."""
    old, new = before.splitlines(), after.splitlines()
    return list(rows(old, new))


def rows(old: list[str], new: list[str]) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            for offset in range(b - a):
                text = [Part("same", old[a + offset])]
                yield Line("same", a + offset + 1, c + offset + 1, text)
            continue
        pairs = min(b - a, d - c)
        marked = [words(old[a + index], new[c + index]) for index in range(pairs)]
        for index in range(a, b):
            paired = index - a < pairs
            parts = marked[index - a][0] if paired else [Part("same", old[index])]
            yield Line("del", index + 1, None, parts)
        for index in range(c, d):
            paired = index - c < pairs
            parts = marked[index - c][1] if paired else [Part("same", new[index])]
            yield Line("ins", None, index + 1, parts)
