"""When a mail may leave: in bundles, or gathered at the hours that a person chose. No database, no
clock."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable

BUNDLE = dt.timedelta(minutes=2)


def hours_of(text: str) -> list[int]:
    """The hours of "8, 13" in order. Raises ValueError for anything that is no hour of a day."""
    hours = sorted({int(part) for part in text.replace(",", " ").split()})
    if any(not 0 <= hour <= 23 for hour in hours):
        raise ValueError("An hour is 0 to 23.")
    return hours


def mail_at(moment: dt.datetime, *, urgent: bool, hours: Iterable[int], zone: str) -> dt.datetime:
    """At once for what is urgent, in two minutes without chosen hours, else at the next of them
    on the person's own clock. An hour that a clock change skips counts as the one after it."""
    if urgent:
        return moment
    wanted = sorted(hours)
    if not wanted:
        return moment + BUNDLE
    place = zoneinfo.ZoneInfo(zone)
    today = moment.astimezone(place).date()
    for days in range(3):
        day = today + dt.timedelta(days=days)
        for hour in wanted:
            at = dt.datetime(day.year, day.month, day.day, hour, tzinfo=place).astimezone(dt.UTC)
            if at > moment:
                return at
    return moment + BUNDLE
