"""What the generators share: the events of one case, time going on, and the file they make."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from apps.readiness.mining.results import EventLog

Rows = list[dict[str, Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class Described:
    """What an inventory says of a step: its harm (0 to 5), its undo (tested, untested or none),
    and whether a person looks before it."""

    name: str
    severity: int
    undo: str = "none"
    how: str = ""
    guarded: bool = False


class Writer:
    """Writes the events of one case; `pace` is the mean number of seconds between two."""

    def __init__(
        self, random: Random, case: str, at: datetime, pace: float, **attributes: Any
    ) -> None:
        self.random, self.case, self.at, self.pace = random, case, at, pace
        self.attributes = attributes
        self.rows: Rows = []

    def event(self, activity: str, resource: str, team: str, system: str) -> None:
        self.at += timedelta(seconds=int(self.random.expovariate(1 / self.pace)) + 60)
        self.rows.append(
            {
                "case": self.case,
                "activity": activity,
                "at": self.at,
                "resource": resource,
                "team": team,
                "system": system,
                **self.attributes,
            }
        )


def as_log(made: tuple[Rows, T]) -> tuple[EventLog, T]:
    """The log that a reader would make of the rows, and what was planted in them."""
    from apps.readiness.mining.events import of_rows  # brings polars

    rows, truth = made
    return of_rows(rows), truth


def ending(rows: Rows, until: datetime | None) -> Rows:
    """The same events, moved so that the last one ends at `until`; as they are without it."""
    if until is None or not rows:
        return rows
    later = until - max(row["at"] for row in rows)
    return [{**row, "at": row["at"] + later} for row in rows]


def as_csv(rows: Rows) -> bytes:
    """A file that is read without telling its columns."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "at": row["at"].isoformat()})
    return buffer.getvalue().encode()
