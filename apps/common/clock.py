"""The one clock: the database's, so that machines whose clocks disagree decide alike."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

EXPRESSIONS = {
    "postgresql": "clock_timestamp()",
    "sqlite": "strftime('%%Y-%%m-%%dT%%H:%%M:%%f', 'now')",
}


def sql() -> str:
    """The present moment as an SQL expression, for a query with parameters; see `parsed`."""
    return EXPRESSIONS[connection.vendor]


def parsed(value: Any) -> dt.datetime:
    """What the database answered to `sql`, in UTC."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)


def now() -> dt.datetime:
    """The database's present moment, in UTC with microseconds (milliseconds on SQLite)."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql()}", ())
        return parsed(cursor.fetchone()[0])
