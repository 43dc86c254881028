from __future__ import annotations

from celery import shared_task

from apps.audit.index.writing import catch_up
from apps.common.acting import acting


@shared_task(name="apps.audit.tasks.sweep")
def sweep() -> None:
    with acting(trigger="audit sweep"):
        catch_up()


@shared_task(name="apps.audit.tasks.sweep_whole")
def sweep_whole() -> None:
    """Finds events that became visible long after the moment they carry."""
    with acting(trigger="audit sweep"):
        catch_up(whole=True)
