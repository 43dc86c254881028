from __future__ import annotations

import time

from celery import shared_task

from apps.common.acting import acting
from apps.common.clock import now
from apps.incidents.models import Incident, Receipt
from apps.incidents.services import duties, lifting, measures, receipts, reminders, rollbacks
from apps.incidents.services.signals import catch_up
from apps.runtime.processes import forget_silent

CLOSE_LOOK_SECONDS = 5.0


@shared_task
def sweep() -> None:
    """Signals out of the ledger, receipts that are still owed, measures and periods whose time is
    over: what is not found now is found by the next one."""
    with acting(trigger="incidents sweep"):
        catch_up()
        measures.finish_unconfirmed()
        receipts.collect()
        lifting.lapse_due()
        duties.tell_due()
        reminders.remind_due()
        rollbacks.work_off()
        forget_silent(now())


@shared_task
def sweep_receipts(number: int) -> None:
    """Right after a containment: looks ten times a second, until every point has confirmed."""
    incident = Incident.objects.filter(number=number).first()
    end = time.monotonic() + CLOSE_LOOK_SECONDS
    with acting(trigger="incidents receipts"):
        while incident is not None and time.monotonic() < end:
            receipts.collect(incident)
            if not Receipt.objects.filter(incident=incident, confirmed_at=None).exists():
                return
            time.sleep(0.1)
