"""Two at the same moment: one reminder, one link, one measure; the second is told so, or loses
nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import transaction

from apps.access.models import Department, User
from apps.approvals.models import Notice
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.incidents.models import Corrective, Finding, Group, Incident, RegulatoryClock
from apps.incidents.rules import Raw
from apps.incidents.services import duties, linking, reminders, signals
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run
from apps.registry.models import Agent
from apps.registry.services import activate_agent, register_agent
from tests import races
from tests.incidents.test_signals import signal

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
Make = Callable[..., Incident]
TIMES = 5


def at_once(*acts: Callable[[], object]) -> list[str]:
    return sorted(races.at_once(*acts, told=sentence_of))


def sentence_of(error: BaseException) -> str:
    return error.sentence if isinstance(error, Conflict) else repr(error)


@pytest.fixture
def second(owner: User, administrator: User, department: Department) -> Agent:
    made = register_agent(
        actor=None, slug="second", name="Second", purpose="Stands beside the first.", owner=owner,
        created_by=administrator, sponsor=department,
    )  # fmt: skip
    return activate_agent(actor=None, agent=made, reason="Cast")


def read(raw: Raw) -> int:
    with transaction.atomic():
        signals.held()
        return signals.take([raw])


def test_two_beats_at_once_send_each_reminder_once(
    contained: Make, approver: User, member: User
) -> None:
    row = contained()
    finding = Finding.objects.create(incident=row, text="x", author_label="x", at=now())
    past, fields = now().date() - dt.timedelta(days=8), {"finding": finding, "type": "training"}
    for _ in range(TIMES):
        Corrective.objects.create(owner=approver, due_on=past, **fields)
        Corrective.objects.create(
            owner=approver, due_on=past, done_at=now(), check_on=past, **fields
        )
    RegulatoryClock.objects.create(incident=row, code="73-2", aware_at=now(), due_at=now())
    Notice.objects.all().delete()

    def beat() -> int:
        with acting(trigger="a beat"):
            return reminders.remind_due() + duties.tell_due()

    told = at_once(beat, beat, beat)
    assert sum(int(number) for number in told) == 3 * TIMES + 1
    sent = [title.split(":")[0] for title in Notice.objects.values_list("title", flat=True)]
    assert sent.count("Your correction is late") == TIMES
    assert sent.count("Late for a week") == sent.count("Time to see if it helped") == TIMES
    assert Notice.objects.filter(user=member, title__startswith="Art. 73(2)").count() == 1
    for act in ("action_reminded", "action_escalated", "check_reminded"):
        assert LedgerEvent.objects.filter(type=f"incident.{act}").count() == TIMES


def test_two_people_who_link_the_same_thing_at_once_link_it_once(
    reported: Make, second: Agent, begin: Callable[..., Run], chair: User, member: User
) -> None:
    for _ in range(TIMES):
        row, run = reported(), begin()

        def link(user: User, row: Incident = row, run: Run = run) -> Callable[[], object]:
            return lambda: linking.link_to(actor=user, incident=row, agent=second, run=run).pk

        assert at_once(link(chair), link(member)) == sorted([str(row.pk), "It is linked already."])
        assert row.links.filter(ref__in=(second.slug, run.pk.hex)).count() == 2
        told = LedgerEvent.objects.filter(type="incident.linked", object_id=str(row.pk))
        assert told.count() == 1


def test_a_person_and_the_signals_that_link_the_same_at_once_link_it_once(
    reported: Make, second: Agent, chair: User
) -> None:
    """The one who reads the ledger does not take the incident's lock; both keep what they did."""
    read(signal("step.dead"))
    for _ in range(TIMES):
        row = reported()
        Group.objects.update(incident=row)

        def link(row: Incident = row) -> object:
            return linking.link_to(actor=chair, incident=row, agent=second).pk

        results = at_once(link, lambda: read(signal("step.dead", agent=second.slug)))
        assert results in (sorted([str(row.pk), "1"]), ["1", "It is linked already."])
        assert row.links.filter(ref=second.slug).count() == 1
        told = LedgerEvent.objects.filter(type="incident.linked", object_id=str(row.pk))
        assert told.count() == (str(row.pk) in results)


def test_two_people_who_link_two_agents_to_a_grave_one_at_once_stop_both_and_alarm_nobody(
    reported: Make, agent: Agent, second: Agent, chair: User, member: User
) -> None:
    row = reported(2, agents=[])
    first = at_once(
        lambda: linking.link_to(actor=chair, incident=row, agent=agent).pk,
        lambda: linking.link_to(actor=member, incident=row, agent=second).pk,
    )
    assert first == [str(row.pk)] * 2
    for each in (agent, second):
        each.refresh_from_db()
        assert each.status == "suspended"
    assert row.containments.filter(measure="suspend").count() == 2
    assert not LedgerEvent.objects.filter(type="incident.containment_failed").exists()
