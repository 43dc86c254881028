"""From acts on record to groups, and from groups to incidents."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Notice
from apps.approvals.services import save_reason
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.incidents.models import Corrective, Group, Incident, MessageTemplate, Signal
from apps.incidents.rules import SOURCES, Raw, opens
from apps.incidents.services import containment, incidents, learning
from apps.incidents.services.signals import catch_up, held, snooze, take
from apps.ledger.catalogue import ACTS
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from apps.orchestration.models import Run
from apps.registry.models import Agent
from tests.approvals.conftest import answer
from tests.runtime.test_the_gate import put
from tests.support import Rejected, Shelf

pytestmark = pytest.mark.django_db


def signal(source: str = "action.failed", message: str = "It broke.", **more: Any) -> Raw:
    fields = {"event_id": uuid7(), "source": source, "at": now(), "tool": "shelf.put", **more}
    return Raw(message=message, **fields)


def test_every_source_is_an_act_that_the_ledger_knows() -> None:
    assert set(SOURCES) <= set(ACTS)


def test_what_the_gate_refuses_again_and_again_becomes_a_near_miss(
    ready: Agent, shelf: Shelf
) -> None:
    for amount in range(1, 5):
        put(ready, thing="glass", amount=amount)
    assert catch_up() == 4
    assert not Incident.objects.exists()
    put(ready, thing="glass", amount=5)
    assert catch_up() == 1
    incident = Incident.objects.get()
    assert (incident.kind, incident.severity, incident.status) == ("near_miss", 4, "reported")
    assert incident.links.get(kind="agent").ref == ready.slug
    group = Group.objects.get()
    assert (group.count, group.code, group.incident) == (5, "no-glass", incident)
    assert LedgerEvent.objects.filter(type="incident.opened").count() == 1


def test_reading_the_ledger_again_finds_nothing_twice(ready: Agent) -> None:
    put(ready, thing="glass")
    assert catch_up() == 1
    assert catch_up() == 0
    assert Signal.objects.count() == 1


def test_a_failure_is_grouped_by_what_the_tool_said_without_its_numbers(
    ready: Agent, shelf: Shelf
) -> None:
    for seconds in (31, 32):
        shelf.trouble = Rejected(f"No room after {seconds} tries.")
        put(ready, amount=1)
    catch_up()
    group = Group.objects.get()
    assert (group.source, group.count, str(group.template)) == (
        "action.failed",
        2,
        "No room after <n> tries.",
    )
    assert not Incident.objects.exists()


def test_an_outcome_that_nobody_knows_opens_one_at_once(agent: Agent) -> None:
    held()
    take([signal("action.in_doubt", agent=agent.slug)])
    assert "Nobody knows" in Incident.objects.get().title


def test_a_persons_no_that_speaks_of_harm_is_enough(ready: Agent, approver: User) -> None:
    put(ready, amount=20)
    request = ApprovalRequest.objects.get()
    save_reason(actor=None, choice="reject", slug="suspicious", words="Suspicious")
    answer(approver, request, "reject", code="suspicious")
    catch_up()
    assert Incident.objects.get().kind == "near_miss"


def test_one_failure_of_two_agents_is_one_group(agent: Agent) -> None:
    held()
    take([signal(agent=agent.slug), signal(agent="another", message="It broke.")])
    assert Group.objects.get().count == 2


def test_values_that_vary_do_not_part_a_failure_and_are_not_kept(agent: Agent) -> None:
    held()
    words = "Supplier {} of mail a{}@example.org is gone"
    take([signal(message=words.format(name, n)) for n, name in enumerate(("alder", "birch"))])
    assert Group.objects.get().count == 2
    assert str(MessageTemplate.objects.get()) == "Supplier <*> of mail <mail> is gone"


def test_a_snoozed_group_counts_and_opens_nothing(operator: User, stranger: User) -> None:
    held()
    take([signal()])
    group = Group.objects.get()
    until = now() + dt.timedelta(days=2)
    with pytest.raises(NotPermitted):
        snooze(actor=stranger, group_id=group.pk, until=until, reason="x")
    with pytest.raises(Invalid):
        snooze(actor=operator, group_id=group.pk, until=now() + dt.timedelta(days=99), reason="x")
    with pytest.raises(Invalid):
        snooze(actor=operator, group_id=group.pk, until=until, reason=" ")
    snooze(actor=operator, group_id=group.pk, until=until, reason="Being repaired.")
    take([signal("action.failed") for _ in range(9)])
    group.refresh_from_db()
    assert group.count == 10
    assert not Incident.objects.exists()


def test_what_comes_back_opens_the_closed_incident_and_its_action_did_not_help(
    chair: User, member: User, operator: User, agent: Agent
) -> None:
    """Acceptance 26."""
    held()
    take([signal("step.dead", agent=agent.slug)])
    incident = Incident.objects.get()
    incidents.triage(actor=chair, incident=incident, kind="issue", severity=3, reason="")
    containment.contain(actor=chair, incident=incident, wishes=[], reason="It is over.")
    incidents.take_command(actor=member, incident=incident)
    incidents.investigate(actor=member, incident=incident)
    finding = learning.add_finding(actor=member, incident=incident, text="No check of stock.")
    due = now().date() + dt.timedelta(days=7)
    action = learning.add_action(
        actor=member, finding=finding, type="process", text="Ask", owner=operator, due_on=due
    )
    for person in (member, chair):
        incidents.confirm(actor=person, incident=incident)
    incidents.to_review(actor=member, incident=incident)
    incidents.to_corrective(actor=member, incident=incident)
    with pytest.raises(Conflict, match="done and verified"):
        incidents.close(actor=chair, incident=incident, reason="")
    learning.mark_done(actor=operator, action_id=action.pk)
    with pytest.raises(NotPermitted):
        learning.verify(actor=operator, action_id=action.pk, how="I say so.")
    learning.verify(actor=member, action_id=action.pk, how="Replayed.")
    incidents.close(actor=chair, incident=incident, reason="Learnt.")
    assert not Group.objects.filter(is_open=True).exists()
    take([signal("step.dead", agent=agent.slug)])
    incident.refresh_from_db()
    assert (incident.status, incident.recurrences, incident.closed_at) == ("triaged", 1, None)
    assert Corrective.objects.get().failed_at is not None
    assert Group.objects.get(is_open=True).incident == incident
    assert Incident.objects.count() == 1
    told = Notice.objects.get(title__startswith="It came back")
    assert told.user == member


def test_what_fails_in_several_ways_in_one_run_is_one_incident(
    begin: Callable[..., Run], agent: Agent
) -> None:
    held()
    run = begin()
    take([signal("action.undone", agent=agent.slug, run_id=run.pk)])
    take([signal("action.undone", agent=agent.slug, run_id=run.pk, tool="shelf.take")])
    incident = Incident.objects.get()
    assert incident.groups.count() == 2
    assert incident.links.get(kind="run").ref == run.pk.hex


def test_ten_thousand_signals_are_one_incident() -> None:
    held()
    take([signal("step.dead", message=f"Disk {n} is full") for n in range(10_000)])
    assert Incident.objects.count() == 1
    assert Group.objects.get().count == 10_000


@pytest.mark.parametrize(
    ("source", "lately", "grave", "opened"),
    [("step.dead", 1, False, True), ("action.denied", 4, False, False),
     ("action.denied", 5, False, True), ("approval.rejected", 1, True, True)],
)  # fmt: skip
def test_when_signals_open_an_incident(source: str, lately: int, grave: bool, opened: bool) -> None:
    assert opens(source, lately, grave=grave) is opened


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_who_read_at_once_make_one_group_and_lose_nothing() -> None:
    for _ in range(20):
        record(type="step.dead", reason="It gave up.")
    together = threading.Barrier(2)
    taken: list[int] = []

    def read() -> None:
        try:
            together.wait(timeout=10)
            taken.append(catch_up())
        finally:
            connection.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(taken) == [0, 20]
    assert Group.objects.get().count == 20
    assert Incident.objects.count() == 1


def test_the_page_of_signals_is_for_those_who_may(
    operator: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    held()
    take([signal()])
    assert "It broke." in signed_in(operator).get("/incidents/groups").content.decode()
    assert signed_in(stranger).get("/incidents/groups").status_code == 404
