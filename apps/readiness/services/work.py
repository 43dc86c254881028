"""What a worker reads or computes: taken by one, told how far it is, ended once.

Everything is a guarded UPDATE on (id, status, fence): a worker that lost its lease, or whose work
was cancelled meanwhile, learns it at its next progress and stops.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F, Q

from apps.common.acting import acting
from apps.common.bell import ring
from apps.common.clock import now
from apps.ledger.services import record
from apps.readiness.mining.results import Cancelled, LogRefused
from apps.readiness.models import Work
from apps.readiness.states import UNDER_WAY, WorkStatus

log = logging.getLogger(__name__)
LEASE = dt.timedelta(seconds=180)
PARTS = 1_000  # of a progress bar
TELL_EVERY = 0.5  # seconds
W = TypeVar("W", bound=Work)


def ring_later(task: str, row: Work) -> None:
    transaction.on_commit(partial(ring, task, str(row.pk)))


def free() -> Q:
    return Q(status=WorkStatus.QUEUED) | Q(status=WorkStatus.WORKING, lease_until__lte=now())


def due(model: type[Work]) -> list[uuid.UUID]:
    """What nobody works on: new rows, and those whose worker died."""
    rows = model.objects.filter(free()).order_by("created_at")
    return list(rows.values_list("pk", flat=True)[:50])


def begin(model: type[W], pk: uuid.UUID) -> W | None:
    """The row, if this worker is the one that took it."""
    won = model.objects.filter(free(), pk=pk).update(
        status=WorkStatus.WORKING, lease_until=now() + LEASE, fence=F("fence") + 1, done=0, note=""
    )
    return model.objects.get(pk=pk) if won else None


def mine(row: Work) -> Any:
    return type(row).objects.filter(pk=row.pk, fence=row.fence, status=WorkStatus.WORKING)


class Teller:
    """Progress of one stretch of the work, from `start` to `stop` of 1; at most twice a second.
    Raises Cancelled where the work is no longer this worker's."""

    def __init__(self, row: Work) -> None:
        self.row, self.last = row, 0.0
        self.start, self.stop, self.note = 0.0, 1.0, ""

    def stretch(self, start: float, stop: float, note: str) -> None:
        self.start, self.stop, self.note, self.last = start, stop, note, 0.0
        self(0.0, 0)

    def __call__(self, share: float, _number: int) -> None:
        if time.monotonic() - self.last < TELL_EVERY:
            return
        self.last = time.monotonic()
        at = self.start + (self.stop - self.start) * min(1.0, max(0.0, share))
        told = mine(self.row).update(
            done=round(at * PARTS), total=PARTS, note=self.note, lease_until=now() + LEASE
        )
        if not told:
            raise Cancelled


def work_on(model: type[W], pk: uuid.UUID, does: Callable[[W, Teller], None]) -> None:
    """Does the work if nobody else does. `does` ends it (`finish`) or raises LogRefused with the
    sentence for the page."""
    row = begin(model, pk)
    if row is None:
        return
    with acting(label=row.asked_by_label, trigger=f"readiness {row.reference}"):
        try:
            does(row, Teller(row))
        except Cancelled:
            log.info("%s is no longer this worker's.", row.reference)
        except LogRefused as refusal:
            fail(row, str(refusal))
        except SoftTimeLimitExceeded:
            fail(row, "It took longer than a worker may take. Give a part of the log.")
        except MemoryError:
            fail(row, "It needs more memory than the worker has. Give a part of the log.")
        except Exception as error:  # noqa: BLE001 - whatever breaks is told on the page
            log.exception("%s broke off.", row.reference)
            fail(row, f"It broke off: {type(error).__name__}. Start it again.")


@transaction.atomic
def finish(row: Work, *, act: str, after: dict[str, Any], **changes: Any) -> bool:
    """Ends the work with what was found. False: it was no longer this worker's."""
    won = mine(row).update(
        status=WorkStatus.READY, ended_at=now(), done=PARTS, total=PARTS, note="", **changes
    )
    if not won:
        return False
    row.refresh_from_db()
    record(type=act, object=row, after=after)
    return True


@transaction.atomic
def fail(row: Work, sentence: str) -> None:
    if mine(row).update(status=WorkStatus.FAILED, ended_at=now(), error=sentence):
        row.refresh_from_db()
        record(type="readiness.work_failed", object=row, outcome="failed", reason=sentence)


@transaction.atomic
def cancel(row: Work) -> bool:
    """Stops it wherever it is: a worker learns it within a second. False: it had ended."""
    won = (
        type(row)
        .objects.filter(pk=row.pk, status__in=(WorkStatus.DRAFT, *UNDER_WAY))
        .update(status=WorkStatus.CANCELLED, ended_at=now())
    )
    if won:
        row.refresh_from_db()
        record(type="readiness.work_cancelled", object=row)
    return bool(won)
