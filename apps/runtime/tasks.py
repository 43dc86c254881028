from __future__ import annotations

from celery import shared_task

from apps.runtime.outside import go_on


@shared_task(name="apps.runtime.tasks.sweep")
def sweep() -> None:
    go_on()
