"""What the sweep does costs what there is to do, whatever has been kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection

from apps.access.models import User
from apps.approvals.models import Notice
from apps.common.clock import now
from apps.incidents.models import (
    Containment,
    Corrective,
    Finding,
    Group,
    Incident,
    Receipt,
    RegulatoryClock,
    RollbackItem,
)
from apps.incidents.services import containment, incidents, rollbacks
from apps.incidents.services.measures import Wish
from apps.incidents.tasks import sweep
from apps.ledger.services import record
from apps.orchestration.models import Run, Step
from apps.orchestration.services import advance, claim_step
from apps.registry.models import Agent
from tests.architecture.test_sweeps import plans, scans
from tests.runtime.test_the_gate import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def much_to_do(
    contained: Callable[..., Incident],
    begin: Callable[..., Run],
    ready: Agent,
    chair: User,
    operator: User,
    approver: User,
) -> Incident:
    """Something for every part of the sweep: signals, receipts, a measure that lapses, a period,
    reminders, and an action to take back."""
    began = now()
    put(ready, amount=2)
    advance(begin().pk)
    claim_step(Step.objects.filter(status="ready")[0].pk, "worker-1")
    row = contained()
    wishes = [Wish("agent", ready.slug, "suspend"), Wish("tool", "shelf.put", "ask")]
    containment.contain(actor=chair, incident=row, wishes=wishes, reason="Stop.")
    Containment.objects.filter(place="tool").update(expires_at=now())
    finding = Finding.objects.create(incident=row, text="x", author_label="x", at=now())
    past = now().date() - dt.timedelta(days=9)
    for done in ({}, {"done_at": now(), "check_on": past}):
        Corrective.objects.create(
            finding=finding, type="training", text="x", owner=approver, due_on=past, **done
        )
    RegulatoryClock.objects.create(incident=row, code="73-2", aware_at=now(), due_at=now())
    rollbacks.roll_back_window(
        actor=operator, incident=row, agent=ready.slug, since=began, until=now(), reason="Wrong."
    )
    incidents.note(actor=chair, incident=row, text="Much to do.")
    record(type="step.dead", reason="It gave up.")
    return row


def test_it_reads_nothing_that_is_over(much_to_do: Incident) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's planner is the one that needs to be told.")
    Notice.objects.all().delete()
    with plans() as found:
        sweep()
    assert scans(found) == []
    assert Group.objects.exists()
    assert Receipt.objects.filter(looked_at__isnull=False, confirmed_at=None).exists()
    assert Containment.objects.filter(lifted_at__isnull=False).exists()
    assert not RegulatoryClock.objects.filter(told_at=None).exists()
    assert not Corrective.objects.filter(reminded_at=None, check_told_at=None).exists()
    assert not RollbackItem.objects.filter(status="waiting").exists()
    assert Notice.objects.exists()
