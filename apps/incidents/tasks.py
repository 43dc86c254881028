from __future__ import annotations

from celery import shared_task

from apps.common.acting import acting
from apps.incidents.services import receipts
from apps.incidents.services.signals import catch_up


@shared_task
def sweep() -> None:
    """Signals out of the ledger, and receipts that are still owed: what is not found now is found
    by the next one."""
    with acting(trigger="incidents sweep"):
        catch_up()
        receipts.collect()
