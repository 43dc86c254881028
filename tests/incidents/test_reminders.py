"""Corrections that are late and checks that are due: told once, to who can do something."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.models import Notice
from apps.common.clock import now
from apps.incidents.models import Corrective, Finding, Incident
from apps.incidents.queries import checks_due, overdue, owed_by
from apps.incidents.services import incidents, reminders
from apps.ledger.models import LedgerEvent

pytestmark = pytest.mark.django_db
Make = Callable[..., Incident]


@pytest.fixture
def owed(contained: Make, approver: User) -> Callable[..., Corrective]:
    """A correction that the approver owes, its last day so many days ago."""

    def put(days: int, **more: object) -> Corrective:
        finding = Finding.objects.create(
            incident=contained(), text="Nobody looked.", author_label="x", at=now()
        )
        fields = {"type": "training", "text": "Look.", "owner": approver, **more}
        return Corrective.objects.create(
            finding=finding, due_on=now().date() - dt.timedelta(days=days), **fields
        )

    return put


def told(person: User) -> list[str]:
    return [each.title.split(":")[0] for each in Notice.objects.filter(user=person).order_by("pk")]


def test_its_owner_hears_on_the_day_after_and_only_once(
    owed: Callable[..., Corrective], approver: User
) -> None:
    owed(0)
    assert reminders.remind_due() == 0
    row = owed(1)
    Notice.objects.all().delete()
    assert reminders.remind_due() == 1
    assert reminders.remind_due() == 0
    assert told(approver) == ["Your correction is late"]
    event = LedgerEvent.objects.get(type="incident.action_reminded")
    assert event.object_id == str(row.finding.incident.pk)


def test_a_week_later_who_leads_hears_and_everybody_where_nobody_leads(
    owed: Callable[..., Corrective], member: User, chair: User
) -> None:
    row = owed(8)
    Notice.objects.all().delete()
    assert reminders.remind_due() == 2
    assert told(member) == ["Late for a week"]
    assert told(chair) == []
    Incident.objects.update(commander=None)
    Corrective.objects.filter(pk=row.pk).update(escalated_at=None)
    assert reminders.remind_due() == 1
    assert told(chair) == ["Late for a week"]


@pytest.mark.parametrize("state", ["done_at", "failed_at"])
def test_what_is_done_or_over_reminds_nobody(
    owed: Callable[..., Corrective], state: str, approver: User
) -> None:
    owed(30, **{state: now()})
    assert reminders.remind_due() == 0
    over = owed(30)
    Incident.objects.filter(pk=over.finding.incident.pk).update(status="false_alarm")
    assert reminders.remind_due() == 0


def test_a_check_that_is_due_is_told_to_who_leads(
    owed: Callable[..., Corrective], member: User
) -> None:
    owed(3, done_at=now(), check_on=now().date(), check_metric="How many")
    Notice.objects.all().delete()
    assert reminders.remind_due() == 1
    assert reminders.remind_due() == 0
    assert told(member) == ["Time to see if it helped"]
    assert LedgerEvent.objects.filter(type="incident.check_reminded").count() == 1


def test_lists_and_pages_keep_it_from_whom_the_incident_is_about(
    owed: Callable[..., Corrective],
    approver: User,
    member: User,
    chair: User,
    stranger: User,
    signed_in: Callable[[User], Client],
) -> None:
    row = owed(2, check_on=now().date(), check_metric="How many")
    assert list(overdue(member)) == list(checks_due(member)) == list(owed_by(approver)) == [row]
    assert "Corrections that are late" in signed_in(member).get("/incidents/").content.decode()
    assert "Corrections that you owe" in signed_in(approver).get("/").content.decode()
    assert list(owed_by(member)) == list(overdue(stranger)) == []
    incidents.name_person(
        actor=chair, incident=row.finding.incident, person=approver, reason="It is about them."
    )
    assert list(owed_by(approver)) == list(overdue(approver)) == list(checks_due(approver)) == []
    assert "Corrections that you owe" not in signed_in(approver).get("/").content.decode()
