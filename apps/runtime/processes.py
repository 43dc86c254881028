"""Signs of life of the processes that let actions through. Each tells which barriers it has seen,
so that a containment is confirmed by whoever could act, and not only by the row that orders it."""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, close_old_connections, connection

from apps.common import clock
from apps.common.rows import one
from apps.registry import directory
from apps.registry.models import BarrierClock
from apps.runtime.models import Process

log = logging.getLogger(__name__)
LOOKS_EVERY = 0.5
TELLS_EVERY = dt.timedelta(seconds=30)
# Not heard of for so long: it is gone.
SILENT = dt.timedelta(seconds=75)


def clock_and_moment() -> tuple[int, dt.datetime]:
    table = BarrierClock._meta.db_table
    number, moment = one(f"SELECT MAX(number), {clock.sql()} FROM {table}", ())  # noqa: S608
    return number or 0, clock.parsed(moment)


class Heart:
    """One process's signs of life: it writes when there is something new to have seen, and every
    half minute."""

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind = kind
        self.name = name or f"{kind} {socket.gethostname()[:60]}:{os.getpid()}"
        self.started_at: dt.datetime | None = None
        self.told_at: dt.datetime | None = None
        self.seen = -1

    def beat(self) -> None:
        number, moment = clock_and_moment()
        due = self.told_at is None or moment - self.told_at >= TELLS_EVERY
        if number == self.seen and not due:
            return
        # What it tells to have seen is what its gate judges by from here on.
        directory.at(directory.read().stamp).bars()
        changes: dict[str, Any] = {"at": moment, "seen": number}
        if number != self.seen:
            changes["seen_at"] = moment
        self.started_at = self.started_at or moment
        if not Process.objects.filter(pk=self.name).update(**changes):
            row = {"kind": self.kind, "started_at": self.started_at, "seen_at": moment}
            Process.objects.update_or_create(pk=self.name, defaults={**row, **changes})
        self.told_at, self.seen = moment, number

    def end(self) -> None:
        Process.objects.filter(pk=self.name).delete()


def keep_beating(heart: Heart, stopped: threading.Event) -> None:
    """Until the process ends. A database that does not answer is asked again."""
    while not stopped.wait(LOOKS_EVERY):
        try:
            heart.beat()
        except DatabaseError:
            log.warning("%s cannot tell that it is alive.", heart.name)
            close_old_connections()
    try:
        heart.end()
    except DatabaseError:
        log.warning("%s cannot tell that it ends.", heart.name)
    connection.close()


def start(kind: str) -> Callable[[], None]:
    """Begins to tell of this process, in a thread of its own. Answers what ends it."""
    stopped = threading.Event()
    thread = threading.Thread(
        target=keep_beating, args=(Heart(kind), stopped), name="signs of life", daemon=True
    )
    thread.start()

    def stop() -> None:
        stopped.set()
        thread.join(2.0)

    return stop


def alive(moment: dt.datetime) -> list[Process]:
    """The processes that were heard of lately."""
    return list(Process.objects.filter(at__gt=moment - SILENT).order_by("name"))


def forget_silent(moment: dt.datetime) -> None:
    """Removes what has long not been heard of, so that the list stays short."""
    Process.objects.filter(at__lt=moment - 20 * SILENT).delete()
