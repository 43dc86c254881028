from __future__ import annotations

import uuid

from celery import shared_task
from django.conf import settings

from apps.readiness.models import Assessment, Log, Table
from apps.readiness.services import assessing, logs, tables, work


@shared_task(name="apps.readiness.tasks.read_log", time_limit=7200, soft_time_limit=7100)
def read_log(pk: str) -> None:
    logs.read(uuid.UUID(pk))


@shared_task(name="apps.readiness.tasks.check_table", time_limit=7200, soft_time_limit=7100)
def check_table(pk: str) -> None:
    tables.check(uuid.UUID(pk))


@shared_task(name="apps.readiness.tasks.assess", time_limit=7200, soft_time_limit=7100)
def assess(pk: str) -> None:
    assessing.assess(uuid.UUID(pk))


@shared_task(name="apps.readiness.tasks.sweep")
def sweep() -> None:
    """Finds work whose message was lost or whose worker died."""
    if settings.DEMO:
        from apps.readiness import demo  # brings polars, which no worker loads at its start

        demo.measure_what_was_read()
    for model, task in ((Log, read_log), (Table, check_table), (Assessment, assess)):
        for pk in work.due(model):
            task.delay(str(pk))
