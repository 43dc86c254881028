"""Deadlines in a queue's business hours: pure, in UTC instants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

FARTHEST_DAYS = 400
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Week:
    """When a clock runs: [opens, closes] by weekday (0 is Monday) in a zone, less the days off."""

    zone: str
    hours: Mapping[int, tuple[dt.time, dt.time]]
    days_off: frozenset[dt.date] = frozenset()

    def span(self, day: dt.date) -> tuple[dt.datetime, dt.datetime] | None:
        """The UTC instants between which the clock runs on that day; None when it does not."""
        times = self.hours.get(day.weekday())
        if times is None or day in self.days_off:
            return None
        zone = ZoneInfo(self.zone)
        opens, closes = (dt.datetime.combine(day, time, tzinfo=zone) for time in times)
        return opens.astimezone(dt.UTC), closes.astimezone(dt.UTC)


@dataclass(frozen=True)
class Deadlines:
    """First touch by; half of the time; four fifths of it; all of it."""

    respond_by: dt.datetime
    escalate_at: dt.datetime
    lead_at: dt.datetime
    decide_by: dt.datetime


def deadlines(start: dt.datetime, respond: int, within: int, week: Week | None) -> Deadlines:
    """`respond` and `within` in seconds of the queue's own time."""
    return Deadlines(
        respond_by=after(start, min(respond, within), week),
        escalate_at=after(start, within // 2, week),
        lead_at=after(start, within * 4 // 5, week),
        decide_by=after(start, within, week),
    )


def after(start: dt.datetime, seconds: int, week: Week | None) -> dt.datetime:
    """`seconds` of open time after `start`. A week that is never open counts every hour."""
    left = dt.timedelta(seconds=seconds)
    if week is None or not week.hours:
        return start + left
    day = start.astimezone(ZoneInfo(week.zone)).date()
    for offset in range(FARTHEST_DAYS):
        span = week.span(day + dt.timedelta(days=offset))
        if span is None or span[1] <= start:
            continue
        opens = max(span[0], start)
        if opens + left <= span[1]:
            return opens + left
        left -= span[1] - opens
    return start + dt.timedelta(days=FARTHEST_DAYS)


def week_of(zone: str, hours: Mapping[str, Sequence[str]], days_off: Sequence[str]) -> Week:
    """From how a calendar is stored. Raises ValueError for what cannot be read, for an unknown
    zone (as ZoneInfo does), for hours that end before they begin and for a week without any."""
    ZoneInfo(zone)
    read = {
        int(day): (dt.time.fromisoformat(times[0]), dt.time.fromisoformat(times[1]))
        for day, times in hours.items()
    }
    if not read:
        raise ValueError("A calendar is open on some day.")
    if any(opens >= closes for opens, closes in read.values()):
        raise ValueError("A day closes after it opens.")
    return Week(zone, read, frozenset(dt.date.fromisoformat(day) for day in days_off))
