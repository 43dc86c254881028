"""Celery's edge: beat's sweeps of the ledger, and verifications that people ask for."""

from __future__ import annotations

import logging
import uuid

from celery import shared_task

from apps.ledger import checkpoints, keys, sealing, verifying

log = logging.getLogger(__name__)


@shared_task(name="apps.ledger.tasks.sweep_unsealed")
def sweep_unsealed() -> None:
    sealing.seal()


@shared_task(name="apps.ledger.tasks.sweep_everything")
def sweep_everything() -> None:
    sealing.seal(everything=True)


@shared_task(name="apps.ledger.tasks.sweep_checkpoints")
def sweep_checkpoints() -> None:
    try:
        checkpoints.keep()
    except keys.KeyMissing as error:
        log.error("No checkpoint was made: %s", error)
    for pk in verifying.due():
        verify.delay(str(pk))


@shared_task(name="apps.ledger.tasks.verify", time_limit=7200, soft_time_limit=7100)
def verify(pk: str) -> None:
    verifying.work_on(uuid.UUID(pk))
