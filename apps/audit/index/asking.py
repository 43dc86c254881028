"""Questions to the index."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.audit.index.tokens import ALL, SLOTS, first_number
from apps.audit.models import TrailEntry


@dataclass(frozen=True)
class Asked:
    """A question to the index: of every group one token, none of the excluded ones; numbers from
    `low` (included) to `high` (not included). A token may end in `*`."""

    groups: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[str, ...] = ()
    low: int = 0
    high: int = 2**63 - 1

    def meets(self, tokens: set[str]) -> bool:
        """The same question to an event that the index does not know yet."""
        return all(any(has(tokens, each) for each in group) for group in self.groups) and not any(
            has(tokens, each) for each in self.excluded
        )


def has(tokens: set[str], asked: str) -> bool:
    if asked.endswith("*"):
        return any(each.startswith(asked[:-1]) for each in tokens)
    return asked in tokens


def as_fts5(asked: Asked) -> str:
    parts = [" OR ".join(map(fts5_word, group)) for group in asked.groups or ((ALL,),)]
    text = " AND ".join(f"({part})" for part in parts)
    if asked.excluded:
        text = f"({text}) NOT ({' OR '.join(map(fts5_word, asked.excluded))})"
    return text


def fts5_word(word: str) -> str:
    return f'"{word[:-1]}" *' if word.endswith("*") else f'"{word}"'


def as_tsquery(asked: Asked) -> str:
    parts = ["(" + " | ".join(map(ts_word, group)) + ")" for group in asked.groups or ((ALL,),)]
    return " & ".join([*parts, *(f"!{ts_word(word)}" for word in asked.excluded)])


def ts_word(word: str) -> str:
    return f"'{word[:-1][:200]}':*" if word.endswith("*") else f"'{word[:200]}'"


SEARCH = (
    "SELECT rowid FROM audit_trailwords WHERE audit_trailwords MATCH %s"
    " AND rowid >= %s AND rowid < %s ORDER BY rowid {order} LIMIT %s"
)
NEAR = 10_000


def numbers(asked: Asked, *, most: int, oldest_first: bool = False) -> list[int]:
    """The newest (or oldest) numbers that answer. On PostgreSQL the nearest ten thousand events
    are read first: the planner takes the wrong way for common words ordered by time."""
    if asked.low >= asked.high:
        return []
    if connection.vendor == "sqlite":
        return run(SEARCH, [as_fts5(asked), asked.low, asked.high, most], oldest_first)
    edge = edge_of(asked, oldest_first)
    if edge is None:
        return near(asked, asked.low, asked.high, most, oldest_first)
    low, high = (asked.low, edge) if oldest_first else (edge, asked.high)
    found = near(asked, low, high, most, oldest_first)
    if len(found) >= most:
        return found
    low, high = (edge, asked.high) if oldest_first else (asked.low, edge)
    return found + rest(asked, low, high, most - len(found), oldest_first)


def edge_of(asked: Asked, oldest_first: bool) -> int | None:
    """The number that ends the nearest ten thousand; None where there are not so many."""
    rows = TrailEntry.objects.filter(number__gte=asked.low, number__lt=asked.high)
    order = "number" if oldest_first else "-number"
    return rows.order_by(order).values_list("number", flat=True)[NEAR : NEAR + 1].first()


# The stretch itself is read, not GIN.
NEAR_SQL = (
    "WITH stretch AS MATERIALIZED (SELECT number, tokens FROM audit_trailwords"
    " WHERE number >= %s AND number < %s)"
    " SELECT number FROM stretch WHERE tokens @@ %s::tsquery ORDER BY number {order} LIMIT %s"
)
# GIN is asked for everything that answers, and the nearest of it is taken.
REST_SQL = (
    "WITH hits AS MATERIALIZED (SELECT number FROM audit_trailwords"
    " WHERE tokens @@ %s::tsquery AND number >= %s AND number < %s)"
    " SELECT number FROM hits ORDER BY number {order} LIMIT %s"
)


def near(asked: Asked, low: int, high: int, most: int, oldest_first: bool) -> list[int]:
    return run(NEAR_SQL, [low, high, as_tsquery(asked), most], oldest_first)


def rest(asked: Asked, low: int, high: int, most: int, oldest_first: bool) -> list[int]:
    return run(REST_SQL, [as_tsquery(asked), low, high, most], oldest_first)


def run(sql: str, values: list[Any], oldest_first: bool) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(order="ASC" if oldest_first else "DESC"), values)
        return [number for (number,) in cursor.fetchall()]


def number_of(event_id: uuid.UUID, moment: dt.datetime) -> int:
    """The number of an event; for one that is not indexed yet, above all of its moment."""
    found = TrailEntry.objects.filter(event_id=event_id).values_list("number", flat=True).first()
    return found if found is not None else first_number(moment) + SLOTS - 1
