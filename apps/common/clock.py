"""The one clock: the database's, so that machines whose clocks disagree decide alike."""

from __future__ import annotations

import datetime as dt

from django.db import connection


def now() -> dt.datetime:
    """The database's present moment, in UTC with microseconds (milliseconds on SQLite)."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT clock_timestamp()")
            moment: dt.datetime = cursor.fetchone()[0]
            return moment.astimezone(dt.UTC)
        cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
        return dt.datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=dt.UTC)
