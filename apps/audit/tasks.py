from __future__ import annotations

import uuid

from celery import shared_task

from apps.audit.index.writing import catch_up
from apps.audit.packs import services as packs
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


@shared_task(name="apps.audit.tasks.build_pack", time_limit=7200, soft_time_limit=7100)
def build_pack(pk: str) -> None:
    packs.work_on(uuid.UUID(pk))


@shared_task(name="apps.audit.tasks.sweep_packs")
def sweep_packs() -> None:
    for pk in packs.due():
        build_pack.delay(str(pk))
