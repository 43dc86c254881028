"""The one clock: the database's, so that machines whose clocks disagree decide alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

EXPRESSIONS = {
    "postgresql": "clock_timestamp()",
    "sqlite": "strftime('%%Y-%%m-%%dT%%H:%%M:%%f', 'now')",
}


# A scalar subquery, so that PostgreSQL takes the moment once and can use an index.
AGO = {
    "postgresql": "(SELECT clock_timestamp() - interval '1 {unit}')",
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-1 {unit}')",
}


def ago_sql(unit: str) -> str:
    """An hour or a day ago as an SQL expression, to compare with stored moments."""
    return AGO[connection.vendor].format(unit=unit)


def sql() -> str:
    """The present moment as an SQL expression, for a query with parameters; see `parsed`."""
    return EXPRESSIONS[connection.vendor]


def parsed(value: Any) -> dt.datetime:
    """What the database answered to `sql`, in UTC."""
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
    moment: dt.datetime = value
    return moment.astimezone(dt.UTC)


def now() -> dt.datetime:
    """The database's present moment, in UTC with microseconds (milliseconds on SQLite)."""
    held = _held.get()
    if held is not None:
        return held
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql()}", ())
        return parsed(cursor.fetchone()[0])


_held: ContextVar[dt.datetime | None] = ContextVar("held", default=None)


@contextmanager
def one_moment() -> Iterator[None]:
    """Within it `now` is one moment, asked for once: for pages that only read."""
    token = _held.set(now())
    try:
        yield
    finally:
        _held.reset(token)
