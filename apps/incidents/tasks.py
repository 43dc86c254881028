from __future__ import annotations

from celery import shared_task

from apps.incidents.services.signals import catch_up


@shared_task
def sweep() -> None:
    """Signals out of the ledger: what is not read now is read by the next one."""
    catch_up()
