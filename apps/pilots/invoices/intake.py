"""The watched folders: files dropped into var/invoices/in become runs, and the bank's reports in
var/invoices/bank say which payments it refused."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from apps.common.errors import Invalid
from apps.pilots.invoices import bank, feeder, services
from apps.pilots.invoices.knowledge import folder
from apps.pilots.invoices.ubl import LARGEST

log = logging.getLogger(__name__)
MOST_AT_ONCE = 50
QUIET_SECONDS = 0.2


def sweep() -> None:
    """Takes in what lies in the folder; in the demonstration also lets new invoices arrive."""
    if settings.DEMO:
        feeder.feed()
        feeder.answer()
    for path in sorted(folder("in").iterdir())[:MOST_AT_ONCE]:
        if path.is_file() and not path.name.startswith(".") and settled(path):
            take(path)
    for path in sorted(folder("bank").iterdir())[:MOST_AT_ONCE]:
        if path.is_file() and not path.name.startswith(".") and settled(path):
            take_report(path)


def settled(path: Path) -> bool:
    """Whether nobody is still writing: the file has been left alone for a moment."""
    try:
        return time.time() - path.stat().st_mtime > QUIET_SECONDS
    except OSError:
        return False


def take(path: Path) -> None:
    """The file moves to done/ or refused/; a crash in between only takes it in once more, and the
    same bytes lead to the same run."""
    try:
        if path.stat().st_size > LARGEST:
            raise Invalid(f"{path.name} is larger than 5 MB.", "too_large")
        content = path.read_bytes()
        services.receive(actor=None, content=content, filename=path.name, source="folder")
    except Invalid as error:
        log.warning("%s was refused: %s", path.name, error.sentence)
        put_away(path, "refused")
        return
    except OSError as error:
        log.warning("%s cannot be read: %s", path.name, error)
        return
    put_away(path, "done")


def take_report(path: Path) -> None:
    """Twice changes nothing: a payment is refused once."""
    try:
        for refusal in bank.refusals(path.read_bytes()):
            if not services.refuse_payment(refusal):
                log.warning("%s: %s was not refused anew.", path.name, refusal.reference)
    except bank.UnreadableReport as error:
        log.warning("%s was refused: %s", path.name, error)
        put_away(path, "refused")
        return
    except OSError as error:
        log.warning("%s cannot be read: %s", path.name, error)
        return
    put_away(path, "done")


def put_away(path: Path, place: str) -> None:
    target = folder(place) / f"{time.time_ns()}-{path.name}"
    # Another worker's sweep may have put it away already; the run is the same one.
    with suppress(FileNotFoundError):
        os.replace(path, target)
