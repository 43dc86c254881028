from __future__ import annotations

from celery import shared_task

from apps.approvals import notices
from apps.approvals.services import (
    cancel_for_stopped_agents,
    escalate_due,
    expire_due,
    withdraw_due,
)


@shared_task(name="apps.approvals.tasks.sweep")
def sweep() -> None:
    expire_due()
    escalate_due()
    cancel_for_stopped_agents()
    withdraw_due()


@shared_task(name="apps.approvals.tasks.sweep_notices")
def sweep_notices() -> None:
    notices.warn_lapsing()
    notices.send_due()
    notices.hook_due()
