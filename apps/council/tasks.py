from __future__ import annotations

from celery import shared_task

from apps.council.services import certifications, emergency, sweeps


@shared_task(name="apps.council.tasks.sweep")
def sweep() -> None:
    """Ballots first: what was voted in the last instant of a measure still extends it."""
    sweeps.sweep()
    emergency.sweep()


@shared_task(name="apps.council.tasks.sweep_certifications")
def sweep_certifications() -> None:
    certifications.keep_certifications()
