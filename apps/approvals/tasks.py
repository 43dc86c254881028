from __future__ import annotations

from celery import shared_task

from apps.approvals import notices
from apps.approvals.services import (
    cancel_for_stopped_agents,
    check_checkpoints,
    escalate_due,
    expire_due,
    supersede_changed,
    tell_leads_due,
    void_lost_rights,
    withdraw_due,
)


@shared_task(name="apps.approvals.tasks.sweep")
def sweep() -> None:
    expire_due()
    escalate_due()
    tell_leads_due()
    cancel_for_stopped_agents()
    void_lost_rights()
    supersede_changed()
    withdraw_due()


@shared_task(name="apps.approvals.tasks.sweep_checkpoints")
def sweep_checkpoints() -> None:
    check_checkpoints()


@shared_task(name="apps.approvals.tasks.sweep_notices")
def sweep_notices() -> None:
    notices.warn_lapsing()
    notices.send_due()
    notices.hook_due()
