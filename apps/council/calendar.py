"""The council's dates as an iCalendar file (RFC 5545). Pure: no database, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

WIDEST = 75


@dataclass(frozen=True)
class Entry:
    """One date: `key` stays the same when the date moves, so that calendars move it, too."""

    key: str
    at: dt.datetime
    kind: str
    title: str
    url: str
    whole_day: bool = False


def escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())


def folded(line: str) -> str:
    """Lines of at most 75 octets, never broken inside a character."""
    parts, at = [""], 0
    for sign in line:
        size = len(sign.encode())
        if at + size > WIDEST:
            parts.append(" ")
            at = 1
        parts[-1] += sign
        at += size
    return "\r\n".join(parts)


def stamp(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def when(entry: Entry) -> str:
    if entry.whole_day:
        return f"DTSTART;VALUE=DATE:{entry.at:%Y%m%d}"
    return f"DTSTART:{stamp(entry.at)}"


def as_ics(entries: Iterable[Entry], *, made_at: dt.datetime, base: str) -> str:
    """`base` is the product's own address; the links open, and decide nothing."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Agent Council//Calendar//EN"]
    for entry in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{entry.key}@agent-council",
            f"DTSTAMP:{stamp(made_at)}",
            when(entry),
            f"SUMMARY:{escaped(f'{entry.kind}: {entry.title}')}",
            f"URL:{base}{entry.url}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(folded(line) + "\r\n" for line in lines)
