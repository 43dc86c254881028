from __future__ import annotations

from celery import shared_task

from apps.council.services import ballots, emergency, sittings


@shared_task(name="apps.council.tasks.sweep")
def sweep() -> None:
    emergency.sweep()
    ballots.sweep()


@shared_task(name="apps.council.tasks.sweep_certifications")
def sweep_certifications() -> None:
    sittings.keep_certifications()
