"""The trail outlives the people, and what a worker does carries agent and run."""

from __future__ import annotations

from django.db import connection

from apps.access.models import User
from apps.common.acting import acting
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from apps.ledger.verification import verify
from apps.orchestration.models import Run
from apps.registry.models import Agent
from tests.pilots.test_invoices import demo as demo
from tests.pilots.test_invoices import drop_wanted, work


def test_the_trail_stays_readable_when_a_person_is_deleted(agent: Agent, stranger: User) -> None:
    with acting(kind="person", id=str(stranger.pk), label=str(stranger)):
        agent.name = "Other"
        agent.save()
        event = record(type="agent.changed", object=agent, reason="Before I leave.")
    stranger.delete()
    connection.check_constraints()
    event = LedgerEvent.objects.select_related("personal").get(pk=event.pk)
    assert (event.actor_label, event.why) == ("Stranger", "Before I leave.")
    assert agent.history.latest("history_id").actor_label == "Stranger"
    assert verify().intact


def test_what_an_agent_does_in_a_worker_carries_its_version_and_its_run(demo: None) -> None:
    drop_wanted()
    work()
    run = Run.objects.get()
    events = LedgerEvent.objects.filter(type__startswith="action.", run_id=run.pk)
    assert events.exists()
    assert {event.actor_kind for event in events} == {"agent"}
    assert all("@" in event.actor_label for event in events), {e.actor_label for e in events}
    assert verify().intact
