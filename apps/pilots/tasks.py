from __future__ import annotations

import logging

from celery import shared_task

from apps.common.acting import acting
from apps.pilots.catalogue import pilots

log = logging.getLogger(__name__)


@shared_task(name="apps.pilots.tasks.sweep")
def sweep() -> None:
    """One pilot's trouble must not stop another's intake."""
    for pilot in pilots():
        try:
            with acting(trigger=f"{pilot.slug} sweep"):
                pilot.sweep()
        except Exception:
            log.exception("The sweep of %s broke off.", pilot.slug)
