"""Verifications as rows: asked for by people or by the schedule, carried out by a worker."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from functools import partial

from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.common.acting import acting, current
from apps.common.bell import ring
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger import checkpoints, keys
from apps.ledger.models import Checkpoint, Verification
from apps.ledger.services import record
from apps.ledger.states import VerificationStatus
from apps.ledger.verification import Report, verify

log = logging.getLogger(__name__)
LEASE = dt.timedelta(seconds=120)
OPEN = (VerificationStatus.QUEUED, VerificationStatus.RUNNING)


def ask() -> Verification:
    """Queues a verification; one that is under way already is returned instead."""
    with transaction.atomic():
        going = Verification.objects.filter(status__in=OPEN).order_by("-created_at").first()
        if going is not None:
            return going
        row = Verification.objects.create(asked_by_label=current().label, created_at=now())
        transaction.on_commit(partial(ring, "apps.ledger.tasks.verify", str(row.pk)))
    return row


def due() -> list[uuid.UUID]:
    """Verifications that nobody works on, after the day's own was asked for."""
    last = Verification.objects.order_by("-created_at", "-id").first()
    day = checkpoints.HOURS_OF_A_DAY * checkpoints.hour()
    if Checkpoint.objects.exists() and (last is None or now() - last.created_at > day):
        with acting(label="the schedule", trigger="daily verification"):
            ask()
    free = Q(status=VerificationStatus.QUEUED) | Q(
        status=VerificationStatus.RUNNING, lease_until__lte=now()
    )
    return list(
        Verification.objects.filter(free).order_by("created_at").values_list("pk", flat=True)
    )


def claim(pk: uuid.UUID) -> Verification | None:
    moment = now()
    free = Q(status=VerificationStatus.QUEUED) | Q(
        status=VerificationStatus.RUNNING, lease_until__lte=moment
    )
    won = Verification.objects.filter(free, pk=pk).update(
        status=VerificationStatus.RUNNING, lease_until=moment + LEASE, fence=F("fence") + 1
    )
    return Verification.objects.get(pk=pk) if won else None


def work_on(pk: uuid.UUID) -> None:
    """Carries it out, if nobody else does. A worker that dies leaves it to the next sweep."""
    row = claim(pk)
    if row is None:
        return
    try:
        report = verify(partial(go_on, row))
    except Conflict:
        return
    except Exception as error:  # noqa: BLE001 - whatever breaks is told on the page
        log.exception("Verification %s broke off.", pk)
        mine(row).update(
            status=VerificationStatus.FAILED,
            ended_at=now(),
            error=f"It broke off: {type(error).__name__}.",
        )
        return
    finish(row, report)


def mine(row: Verification) -> QuerySet[Verification]:
    return Verification.objects.filter(
        pk=row.pk, fence=row.fence, status=VerificationStatus.RUNNING
    )


def go_on(row: Verification, done: int, total: int) -> None:
    if not mine(row).update(done=done, total=total, lease_until=now() + LEASE):
        raise Conflict("Another worker goes on with this verification.")


@transaction.atomic
def finish(row: Verification, report: Report) -> None:
    status = VerificationStatus.INTACT if report.intact else VerificationStatus.BROKEN
    if not mine(row).update(status=status, ended_at=now(), report=report.as_json()):
        return
    with acting(label=row.asked_by_label, trigger=f"verification {row.pk}"):
        record(
            type="ledger.verified" if report.intact else "ledger.broken",
            object=row,
            outcome="done" if report.intact else "failed",
            reason=report.verdict,
            after={"covered": report.covered, "not_covered": report.not_covered},
            stream=keys.STREAM,
            typed=False,
        )
