"""What was recorded stays: the database itself refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.common.acting import acting
from apps.common.canonical import digest
from apps.ledger.models import LedgerEvent
from apps.ledger.protection import protect, protected_tables, unprotect
from apps.ledger.queries import texts_of_acts
from apps.ledger.services import record
from apps.registry.models import Agent


@pytest.fixture
def guarded(db: None) -> Iterator[None]:
    protect("default")
    yield
    unprotect("default")


def refused(statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():  # noqa: SIM117
        with connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_database_refuses_to_change_or_remove_an_event(guarded: None) -> None:
    event = record(type="access.signed_in", object_label="Ines")
    table = LedgerEvent._meta.db_table
    refused(f"UPDATE {table} SET reason = 'other'")  # noqa: S608
    refused(f"DELETE FROM {table}")  # noqa: S608
    event.refresh_from_db()
    assert event.reason == ""


def test_an_event_cannot_be_replaced_under_its_own_key(guarded: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is SQLite's.")
    record(type="access.signed_in", object_label="Ines")
    table = LedgerEvent._meta.db_table
    refused(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")  # noqa: S608


def test_a_history_row_is_protected_like_an_event(guarded: None, agent: Agent) -> None:
    refused("UPDATE registry_historicalagent SET name = 'Other'")
    refused("DELETE FROM registry_historicalagent")


def test_every_history_table_is_among_the_protected(db: None) -> None:
    tables = {table for table, _ in protected_tables()}
    assert LedgerEvent._meta.db_table in tables
    history = {name for name in connection.introspection.table_names() if "_historical" in name}
    assert history <= tables


def test_an_event_says_who_acted_why_and_on_what(agent: Agent) -> None:
    with acting(kind="person", id="7", label="Ines Duarte", reason="Because"):
        event = record(type="agent.suspended", object=agent, reason="Because")
    assert (event.actor_kind, event.actor_label, event.why) == (
        "person", "Ines Duarte", "Because",
    )  # fmt: skip
    assert event.object_label == str(agent)
    assert event.digest


def test_an_unknown_kind_of_event_is_a_mistake_in_code(db: None) -> None:
    with pytest.raises((KeyError, ValueError)):
        record(type="agent.sneezed")


def test_history_and_event_go_with_their_transaction(agent: Agent) -> None:
    before = LedgerEvent.objects.count(), agent.history.count()

    @transaction.atomic
    def break_off() -> None:
        agent.name = "Other"
        agent.save()
        record(type="agent.changed", object=agent)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert (LedgerEvent.objects.count(), agent.history.count()) == before


def test_history_knows_the_actor_and_the_reason(agent: Agent) -> None:
    with acting(kind="person", id="7", label="Ines Duarte", reason="New name"):
        agent.name = "Other"
        agent.save()
        record(type="agent.changed", object=agent)
    row = agent.history.order_by("-history_id").first()
    assert row.history_change_reason == "", "What a person typed must stay erasable."
    assert texts_of_acts([row.act_id]) == {row.act_id: "New name"}
    assert "Ines Duarte" in str(row.__dict__.values())
    with acting(reason="The system's own words"):
        agent.save()
    row = agent.history.order_by("-history_id").first()
    assert row.history_change_reason == "The system's own words"


def test_a_guarded_update_writes_history_and_a_lost_one_writes_none(agent: Agent) -> None:
    before = agent.history.count()
    assert agent.compare_and_set(where={"status": "active"}, status="suspended")
    assert not agent.compare_and_set(where={"status": "active"}, status="retired")
    assert agent.history.count() == before + 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=5))
def test_a_digest_does_not_depend_on_the_order_of_names(value: dict[str, object]) -> None:
    shuffled = dict(reversed(list(value.items())))
    assert digest(value) == digest(shuffled)


@given(JSON, JSON)
def test_different_values_have_different_digests(one: object, other: object) -> None:
    import json

    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest({"v": one}) == digest({"v": other})) == same
