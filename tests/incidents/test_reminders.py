"""Corrections that are late and checks that are due: told once, to who can do something."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import RoleAssignment, User
from apps.approvals.models import Notice
from apps.common.clock import now
from apps.incidents.models import (
    Containment,
    Corrective,
    Finding,
    Incident,
    Link,
    RegulatoryClock,
)
from apps.incidents.queries import checks_due, overdue, owed_by
from apps.incidents.services import duties, incidents, lifting, reminders
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


@pytest.fixture
def chiefs(approver: User, second_approver: User, auditor: User) -> None:
    """The approver answers to the second one, and they to the auditor."""
    for user, boss in ((approver, second_approver), (second_approver, auditor)):
        user.manager = boss
        user.save()


def about(row: Corrective, *people: User) -> None:
    for each in people:
        Link.objects.create(
            incident=row.finding.incident, kind="person", ref=str(each.pk), label=str(each)
        )


def lose_every_role(user: User) -> None:
    for row in RoleAssignment.objects.filter(user=user):
        row.ends_at = now()
        row.save()


def test_where_its_owner_may_not_hear_of_it_the_nearest_above_who_may_does(
    owed: Callable[..., Corrective],
    chiefs: None,
    approver: User,
    second_approver: User,
    auditor: User,
    member: User,
) -> None:
    about(owed(1), approver)
    Notice.objects.all().delete()
    assert reminders.remind_due() == 1
    assert reminders.remind_due() == 0
    assert told(second_approver) == ["A correction of Approver is late"]
    assert told(approver) == told(auditor) == told(member) == []
    event = LedgerEvent.objects.get(type="incident.action_reminded")
    assert event.after["told"] == [second_approver.pk]
    about(owed(1), approver)
    lose_every_role(second_approver)
    Notice.objects.all().delete()
    assert reminders.remind_due() == 1
    assert told(auditor) == ["A correction of Approver is late"]
    assert told(second_approver) == []


def test_where_nobody_above_may_hear_of_it_who_leads_does(
    owed: Callable[..., Corrective], member: User, chair: User, stranger: User
) -> None:
    owed(1, owner=stranger)
    Notice.objects.all().delete()
    assert reminders.remind_due() == 1
    assert told(member) == ["A correction of Stranger is late"]
    assert told(stranger) == told(chair) == []


@pytest.mark.parametrize(
    ("days", "words"), [(8, "Late for a week"), (3, "Time to see if it helped")]
)
def test_where_who_leads_may_no_longer_those_who_answer_incidents_hear(
    owed: Callable[..., Corrective],
    days: int,
    words: str,
    member: User,
    chair: User,
    operator: User,
    stranger: User,
) -> None:
    done = {} if days == 8 else {"done_at": now(), "check_on": now().date()}
    owed(days, reminded_at=now(), **done)
    lose_every_role(member)
    Notice.objects.all().delete()
    assert reminders.remind_due() == 1
    assert reminders.remind_due() == 0
    assert told(chair) == told(operator) == [words]
    assert told(member) == told(stranger) == []


def test_a_reminder_that_nobody_may_hear_waits_for_somebody_who_may(
    owed: Callable[..., Corrective], operator: User
) -> None:
    row = owed(8)
    clock = RegulatoryClock.objects.create(
        incident=row.finding.incident, code="73-2", aware_at=now(), due_at=now()
    )
    about(row, *User.objects.all())
    Notice.objects.all().delete()
    assert reminders.remind_due() == duties.tell_due() == 0
    assert not Notice.objects.exists()
    row.refresh_from_db()
    clock.refresh_from_db()
    assert row.reminded_at is row.escalated_at is clock.told_at is None
    Link.objects.filter(kind="person", ref=str(operator.pk)).delete()
    assert (reminders.remind_due(), duties.tell_due()) == (2, 1)
    assert len(told(operator)) == 3


def test_a_measure_that_lapsed_is_told_to_who_leads_where_its_owner_may_not_hear(
    contained: Make, approver: User, stranger: User, member: User, chair: User
) -> None:
    row = contained()
    Containment.objects.create(
        incident=row, measure="stop", place="tool", target="shelf.put", label="Put", reason="x",
        owner=stranger, asked_at=now(), expires_at=now(),
    )  # fmt: skip
    Notice.objects.all().delete()
    assert lifting.lapse_due() == 1
    assert told(member) == ["Let nothing of it pass"]
    assert told(stranger) == told(chair) == []


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
