"""Telling workers that there is work. What is to be done stands in the database; a message only
saves the wait for the next sweep."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def ring(task: str, *args: object, queue: str = "steps", times: int = 1) -> bool:
    """Sends `times` messages for a task. False where the broker did not take them, which costs a
    sweep interval and nothing else."""
    try:
        for _ in range(times):
            current_app.send_task(task, args=[*args], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("The broker did not take a message: %s", error)
        return False
    return True
