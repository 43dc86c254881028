"""A list that its reader sorts: keyset paging over several columns, in either direction."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.paging import Page, capped_count

Value = int | dt.datetime


@dataclass(frozen=True)
class Column:
    """A field or annotation that is never null, and what its values are."""

    field: str
    kind: type[int] | type[dt.datetime]
    down: bool = False

    @property
    def order(self) -> str:
        return f"-{self.field}" if self.down else self.field

    def beyond(self, suffix: str = "") -> str:
        """The look-up of what comes after a value; with the suffix `e`, or is it."""
        return f"{self.field}__{'lt' if self.down else 'gt'}{suffix}"


@dataclass(frozen=True)
class Sort:
    """One way to sort, by its name in the URL. Rows alike in every column follow their key."""

    code: str
    words: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Place:
    """Where the last page ended."""

    values: Sequence[Value]
    pk: object


def sorted_page(request: HttpRequest, rows: QuerySet[Any], sort: Sort, *, size: int = 50) -> Page:
    """One page of `rows`, following `?after=` of the request as long as that was made for this
    sort."""
    place = read_place(request.GET.get("after", ""), sort, rows)
    found = following(rows, sort.columns, place, size + 1)
    query = request.GET.copy()
    query.pop("after", None)
    first = f"{request.path}?{query.urlencode()}" if place else ""
    more = ""
    if len(found) > size:
        query["after"] = place_of(found[size - 1], sort)
        more = f"{request.path}?{query.urlencode()}"
    return Page(found[:size], more, first, capped_count(rows))


def following(
    rows: QuerySet[Any], columns: Sequence[Column], place: Place | None, size: int
) -> list[Any]:
    """Up to `size` rows that follow the place: those alike in all columns but the last first, then
    those alike in fewer. Each is a range of one index, where an OR of them would be none."""
    down = columns[-1].down
    ordered = rows.order_by(*(column.order for column in columns), "-pk" if down else "pk")
    if place is None:
        return list(ordered[:size])
    found: list[Any] = []
    for depth in reversed(range(len(columns))):
        alike = {columns[at].field: place.values[at] for at in range(depth)}
        column, value = columns[depth], place.values[depth]
        part = ordered.filter(**alike)
        if depth == len(columns) - 1:
            before = {column.field: value, "pk__gte" if down else "pk__lte": place.pk}
            part = part.filter(**{column.beyond("e"): value}).exclude(**before)
        else:
            part = part.filter(**{column.beyond(): value})
        found += part[: size - len(found)]
        if len(found) == size:
            break
    return found


def place_of(row: Any, sort: Sort) -> str:
    values = [getattr(row, column.field) for column in sort.columns]
    plain = [each.isoformat() if isinstance(each, dt.datetime) else each for each in values]
    text = json.dumps([sort.code, plain, str(row.pk)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_place(text: str, sort: Sort, rows: QuerySet[Any]) -> Place | None:
    """None for anything that was not made for this sort: a hand-edited link shows the first
    page."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        code, plain, key = raw
        if code != sort.code or len(plain) != len(sort.columns):
            return None
        values = [value_of(each, column) for each, column in zip(plain, sort.columns, strict=True)]
        return Place(values, rows.model._meta.pk.to_python(key))
    except (ValueError, TypeError, binascii.Error, UnicodeDecodeError, ValidationError):
        return None


def value_of(plain: Any, column: Column) -> Value:
    if column.kind is int:
        if not isinstance(plain, int) or abs(plain) >= 2**31:
            raise ValueError("No whole number.")
        return plain
    moment = dt.datetime.fromisoformat(plain)
    if moment.tzinfo is None:
        raise ValueError("A moment has a zone.")
    return moment
