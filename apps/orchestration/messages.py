"""Sending Celery's hints. A broker that is down loses nothing: the outbox row stays."""

from __future__ import annotations

import logging
import uuid

from celery import current_app
from kombu.exceptions import OperationalError

from apps.orchestration.models import Outbox

log = logging.getLogger(__name__)

TASKS = {
    "perform": ("apps.orchestration.tasks.perform", "steps"),
    "advance": ("apps.orchestration.tasks.advance", "control"),
}


def send_later(row_id: int | None, kind: str, ref: uuid.UUID) -> bool:
    """Sends one hint and drops its outbox row; false when the broker did not take it."""
    name, queue = TASKS[kind]
    try:
        current_app.send_task(name, args=[str(ref)], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("The broker did not take a message: %s", error)
        return False
    if row_id is not None:
        Outbox.objects.filter(pk=row_id).delete()
    return True
