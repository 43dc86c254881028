"""Sending Celery's hints. A broker that is down loses nothing: the outbox row stays."""

from __future__ import annotations

import uuid

from apps.common.bell import ring
from apps.orchestration.models import Outbox

TASKS = {
    "perform": ("apps.orchestration.tasks.perform", "steps"),
    "advance": ("apps.orchestration.tasks.advance", "control"),
}


def send_later(row_id: int | None, kind: str, ref: uuid.UUID) -> bool:
    """Sends one hint and drops its outbox row; false when the broker did not take it."""
    name, queue = TASKS[kind]
    if not ring(name, str(ref), queue=queue):
        return False
    if row_id is not None:
        Outbox.objects.filter(pk=row_id).delete()
    return True
