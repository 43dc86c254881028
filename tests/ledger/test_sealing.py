"""Sealing: every committed event gets its place once, whoever seals, and whatever breaks off."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.common.acting import acting
from apps.common.canonical import digest
from apps.common.rows import insert
from apps.ledger import keys, sealing
from apps.ledger.merkle import root_of
from apps.ledger.models import LedgerEvent, Seal, SealEntry
from apps.ledger.models.events import SINCE
from apps.ledger.protection import protected_tables
from apps.ledger.services import record
from apps.ledger.verification import verify
from apps.ledger.verification.bindings import history_models
from apps.ledger.verification.rehash import Rehash, select_list
from apps.registry.models import Agent

FIRST_SCHEMA = {
    "id", "schema", "at", "stream", "type", "actor_kind", "actor_id", "actor_label",
    "on_behalf_of", "act_id", "run_id", "trigger", "object_type", "object_id", "object_label",
    "history_ref", "history_digest", "outcome", "reason", "before", "after", "data_used",
    "policy_versions",
}  # fmt: skip


def write(number: int) -> list[LedgerEvent]:
    return [record(type="run.started", object_label=f"R-{each}") for each in range(number)]


def test_every_column_is_inside_the_digest_by_construction() -> None:
    names = {field.attname for field in LedgerEvent._meta.concrete_fields} - {"digest"}
    assert names == FIRST_SCHEMA | set(SINCE), "A new column needs its schema in SINCE."
    event = LedgerEvent(actor_kind="system", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
                        act_id=uuid.UUID(int=1), id=uuid.UUID(int=2))  # fmt: skip
    assert set(event.content()) == names
    event.schema = 1
    assert set(event.content()) == FIRST_SCHEMA


def test_an_event_of_the_first_schema_keeps_the_digest_it_was_written_with() -> None:
    event = LedgerEvent(
        id=uuid.UUID(int=2), schema=1, at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        type="run.started", actor_kind="system", actor_label="system", act_id=uuid.UUID(int=1),
    )  # fmt: skip
    written = "e59248ad87aa552720dd3aa6c282ce20e1504f64c91b18fc822abf5d3ce25e1d"
    assert event.computed_digest() == written


def test_sealing_gives_places_without_gaps_and_a_root_that_anybody_can_count(db: None) -> None:
    events = write(5)
    assert sealing.seal() == 5
    write(3)
    assert sealing.seal() == 3
    assert sealing.seal() == 0
    entries = list(SealEntry.objects.order_by("seq"))
    assert [entry.seq for entry in entries] == list(range(1, 9))
    assert {entry.event_id for entry in entries[:5]} == {event.pk for event in events}
    first, second = Seal.objects.order_by("number")
    assert (first.first_seq, first.last_seq, second.first_seq, second.last_seq) == (1, 5, 6, 8)
    assert second.prev_hash == first.hash == first.computed_hash()
    assert first.merkle_root == root_of(bytes.fromhex(e.digest) for e in entries[:5]).hex()


def test_a_big_backlog_is_sealed_in_batches(db: None) -> None:
    write(7)
    with patch.object(sealing, "BATCH", 3):
        assert sealing.seal() == 7
    assert list(Seal.objects.order_by("number").values_list("count", flat=True)) == [3, 3, 1]
    assert verify().intact


def test_the_command_seals(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    write(2)
    call_command("seal")
    assert "2 events sealed" in capsys.readouterr().out


def test_a_crash_in_the_middle_of_a_seal_leaves_nothing_half_done(db: None) -> None:
    write(4)
    with (
        patch.object(sealing, "insert", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
        transaction.atomic(),
    ):
        sealing.seal()
    assert not SealEntry.objects.exists()
    assert verify().unsealed == 4
    assert sealing.seal() == 4
    assert verify().intact


def test_a_crash_between_event_and_seal_costs_a_sweep(db: None) -> None:
    sealing.seal()
    write(1)
    report = verify()
    assert report.unsealed == 1
    assert "1 event not sealed yet" in report.not_covered
    assert sealing.seal() == 1


def test_an_event_whose_clock_was_set_back_is_found_by_the_look_at_everything(db: None) -> None:
    write(1)
    sealing.seal()
    event = LedgerEvent.objects.get()
    yesterday = (event.pk.int >> 80) - 24 * 3600 * 1000
    late = LedgerEvent(**{**values(event), "id": uuid.UUID(int=yesterday << 80 | 7 << 76)})
    late.at = event.at - dt.timedelta(days=1)
    late.digest = late.computed_digest()
    insert(late)
    assert sealing.seal() == 0
    assert sealing.seal(everything=True) == 1
    report = verify()
    assert report.intact
    assert "1 event sealed more than an hour after the moment they tell" in report.not_covered


def values(event: LedgerEvent) -> dict[str, object]:
    return {field.attname: getattr(event, field.attname) for field in event._meta.concrete_fields}


def test_a_sealer_that_was_overtaken_writes_nothing(db: None) -> None:
    write(2)
    found = sealing.unsealed(uuid.UUID(int=0), 10)
    assert sealing.seal() == 2
    with transaction.atomic():
        assert not sealing.seal_batch(found)
    assert Seal.objects.count() == 1


def started(work: Callable[[], None], troubles: list[BaseException]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except BaseException as error:
            troubles.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_sealers_and_four_writers_leave_one_unbroken_chain() -> None:
    stop = threading.Event()
    troubles: list[BaseException] = []

    def writer() -> None:
        for _ in range(25):
            with transaction.atomic():
                record(type="run.started")

    def sealer() -> None:
        while not stop.is_set():
            sealing.seal()

    writers = [started(writer, troubles) for _ in range(4)]
    sealers = [started(sealer, troubles) for _ in range(2)]
    for thread in writers:
        thread.join(60)
    stop.set()
    for thread in sealers:
        thread.join(60)
    sealing.seal(everything=True)
    assert troubles == []
    assert list(SealEntry.objects.order_by("seq").values_list("seq", flat=True)) == list(
        range(1, 101)
    )
    report = verify()
    assert report.problems == []
    assert report.events == 100


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_after_later_ones_were_sealed_is_sealed_next() -> None:
    """On PostgreSQL ids become visible out of order; on SQLite writers wait for each other."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time.")
    began, go = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                record(type="run.started", object_label="slow")
                began.set()
                go.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    began.wait(20)
    record(type="run.finished", object_label="quick")
    assert sealing.seal() == 1
    go.set()
    thread.join(20)
    assert sealing.seal() == 1
    assert verify().intact


def test_a_seal_is_signed_and_says_so_when_the_key_is_away(key: keys.PublicKey) -> None:
    sealing.seal()
    assert Seal.objects.get().key == key.fingerprint
    keys.path_of(key.fingerprint).unlink()
    write(1)
    assert sealing.seal() == 1
    report = verify()
    assert report.intact
    assert report.unsigned_seals == 1
    assert "1 seal without a signature" in report.not_covered


def test_every_table_of_the_chain_is_protected() -> None:
    tables = {table for table, _ in protected_tables()}
    assert {"ledger_sealentry", "ledger_seal", "ledger_checkpoint", "ledger_cosignature",
            "ledger_tombstone"} <= tables  # fmt: skip


def test_every_history_row_of_an_act_is_bound(agent: Agent) -> None:
    """Also the rows in between, and those of other objects that the act changed."""
    sealing.seal()
    report = verify()
    assert report.intact, report.problems
    rows = sum(model._default_manager.count() for model in history_models())
    assert report.unbound_rows + report.history_rows == rows
    before = report.history_rows
    with transaction.atomic():
        agent.name = "One"
        agent.save()
        agent.name = "Two"
        agent.save()
        record(type="agent.changed", object=agent)
    sealing.seal()
    assert verify().history_rows == before + 2


@pytest.mark.django_db(transaction=True)
def test_a_change_that_told_nothing_is_bound_after_its_commit(agent: Agent) -> None:
    with acting(kind="system", label="a migration"):
        agent.name = "Quietly"
        agent.save()
    event = LedgerEvent.objects.filter(type="history.bound").latest("at")
    row = agent.history.latest("history_id")
    assert event.versions == [[f"registry.historicalagent:{row.pk}", digest(row_values(row))]]
    sealing.seal()
    assert verify().unbound_rows == 0


@pytest.mark.django_db(transaction=True)
def test_an_event_that_was_rolled_back_binds_nothing(agent: Agent) -> None:
    with transaction.atomic():
        agent.name = "Outside"
        agent.save()
        try:
            with transaction.atomic():
                record(type="agent.changed", object=agent)
                raise KeyError
        except KeyError:
            pass
    sealing.seal()
    report = verify()
    assert report.intact
    assert report.unbound_rows == 0
    assert LedgerEvent.objects.filter(type="history.bound").exists()


def row_values(row: object) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(TEXT, TEXT, JSON, JSON)
@pytest.mark.django_db
def test_the_quick_digest_is_the_digest(label: str, reason: str, one: object, two: object) -> None:
    with transaction.atomic():
        event = record(
            type="run.started", object_label=label, reason=reason, after={"one": one},
            data_used=[two], run_id=uuid.uuid4(),
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {select_list('e')} FROM ledger_ledgerevent e WHERE id = %s",
                [event.pk.hex if connection.vendor == "sqlite" else event.pk],
            )
            row = cursor.fetchone()
        assert Rehash()(row) == event.digest
        assert LedgerEvent.objects.get(pk=event.pk).computed_digest() == event.digest
        transaction.set_rollback(True)
