"""Event logs: uploaded, mapped, read once, cancelled halfway, refused with a sentence."""

from __future__ import annotations

import datetime as dt
import gzip
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.readiness.mining import generate
from apps.readiness.mining.results import Cancelled, LogRefused
from apps.readiness.models import Log, Mapping, Process
from apps.readiness.services import logs, work
from apps.readiness.states import WorkStatus
from tests.readiness.things import as_csv

pytestmark = pytest.mark.django_db
ROWS, TRUTH = generate.generated(generate.Plan(cases=60))
XES = b"""<?xml version="1.0"?><log xmlns="http://www.xes-standard.org/"><trace>
<string key="concept:name" value="1"/>
<event><string key="concept:name" value="A"/><date key="time:timestamp" value="2026-01-01T10:00:00Z"/></event>
<event><string key="concept:name" value="B"/><date key="time:timestamp" value="2026-01-01T11:00:00Z"/></event>
</trace></log>"""  # noqa: E501


def test_a_csv_waits_for_its_mapping_and_is_read_in_the_way_that_was_chosen(
    uploaded: Callable[..., Log], operator: User
) -> None:
    row = uploaded(as_csv(ROWS))
    assert row.status == WorkStatus.DRAFT
    assert row.mapping["case"] == "case"
    logs.map_log(actor=operator, log=row, mapping=logs.mapping_of(row.mapping))
    logs.read(row.pk)
    row.refresh_from_db()
    assert (row.status, row.cases, row.events) == (WorkStatus.READY, TRUTH.cases, len(ROWS))
    again = logs.opened(row)
    assert again.cases == TRUTH.cases
    assert "amount" in again.case_attributes
    acts = LedgerEvent.objects.filter(type__startswith="readiness.").values_list("type", flat=True)
    assert list(acts.order_by("id")) == ["readiness.log_uploaded", "readiness.log_read"]


def test_the_mapping_is_remembered_for_the_next_file_with_these_columns(
    uploaded: Callable[..., Log], read: Callable[..., Log], operator: User
) -> None:
    row = uploaded(as_csv(ROWS))
    chosen = replace(logs.mapping_of(row.mapping), team="", cost="amount")
    logs.map_log(actor=operator, log=row, mapping=chosen)
    assert Mapping.objects.count() == 1
    later = uploaded(as_csv(ROWS[:50]))
    assert later.mapping["cost"] == "amount"
    assert later.mapping["team"] == ""


def test_columns_that_are_missing_or_named_twice_are_told_by_field(
    uploaded: Callable[..., Log], operator: User
) -> None:
    row = uploaded(as_csv(ROWS))
    chosen = replace(logs.mapping_of(row.mapping), case="", team="resource", system="nowhere")
    with pytest.raises(Invalid) as refusal:
        logs.map_log(actor=operator, log=row, mapping=chosen)
    assert set(refusal.value.fields) == {"case", "team", "system"}
    row.refresh_from_db()
    assert row.status == WorkStatus.DRAFT


def test_xes_needs_no_mapping(uploaded: Callable[..., Log]) -> None:
    row = uploaded(gzip.compress(XES), "log.xes.gz")
    assert row.status == WorkStatus.QUEUED
    logs.read(row.pk)
    row.refresh_from_db()
    assert (row.kind, row.status, row.cases, row.events) == ("xes.gz", "ready", 1, 2)


def test_the_same_file_read_in_the_same_way_is_one_log(
    read: Callable[..., Log], uploaded: Callable[..., Log], operator: User
) -> None:
    first = read(ROWS)
    again = uploaded(as_csv(ROWS))
    with pytest.raises(Conflict, match=first.reference):
        logs.map_log(actor=operator, log=again, mapping=logs.mapping_of(again.mapping))
    otherwise = replace(logs.mapping_of(again.mapping), team="")
    assert logs.map_log(actor=operator, log=again, mapping=otherwise).status == WorkStatus.QUEUED
    uploaded(XES, "log.xes")
    with pytest.raises(Conflict):
        uploaded(XES, "the same under another name.xes")
    assert len(list(first.upload.parent.glob("*.upload"))) == 3  # nothing of the refused one stays


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b'<?xml version="1.0"?><!DOCTYPE log [<!ENTITY a "b">]><log>&a;</log>', "document type"),
        (b'<?xml version="1.0"?><log><trace></trace></log>', "no event"),
        (b"<log><trace>", "not well-formed|XML"),
    ],
)
def test_what_is_no_log_is_refused_with_a_sentence(
    uploaded: Callable[..., Log], data: bytes, words: str
) -> None:
    try:
        row = uploaded(data, "log.xes")
    except Invalid as refusal:
        assert "empty" in str(refusal.fields)  # noqa: PT017 - either way is a refusal
        return
    logs.read(row.pk)
    row.refresh_from_db()
    assert row.status == WorkStatus.FAILED
    assert re.search(words, row.error), row.error
    assert LedgerEvent.objects.filter(type="readiness.work_failed").count() == 1


def test_a_file_larger_than_the_installation_takes_leaves_nothing(
    uploaded: Callable[..., Log], settings: Any, own_folder: Path
) -> None:
    settings.READINESS = {**settings.READINESS, "MOST_BYTES": 100}
    with pytest.raises(Invalid):
        uploaded(as_csv(ROWS))
    assert not list(own_folder.glob("*"))
    assert not Log.objects.exists()


def test_rows_that_cannot_be_used_are_told_by_line(
    uploaded: Callable[..., Log], operator: User
) -> None:
    text = "case,activity,at\n1,A,2026-01-01T10:00:00Z\n,B,2026-01-01T11:00:00Z\n1,C,soon\n"
    row = uploaded(text.encode())
    logs.map_log(actor=operator, log=row, mapping=logs.mapping_of(row.mapping))
    logs.read(row.pk)
    row.refresh_from_db()
    assert row.events == 1
    assert row.fault_counts == {"no_case": 1, "bad_moment": 1}
    assert [fault["line"] for fault in row.faults] == [3, 4]


def test_cancelling_stops_the_worker_at_its_next_progress(
    uploaded: Callable[..., Log], operator: User
) -> None:
    row = uploaded(XES, "log.xes")
    taken = work.begin(Log, row.pk)
    assert taken is not None
    logs.cancel_log(actor=operator, log=row)
    with pytest.raises(LogRefused, match="no longer here"):
        logs.read_in(taken, work.Teller(taken))
    work.fail(taken, "Too late.")
    row.refresh_from_db()
    assert (row.status, row.error) == (WorkStatus.CANCELLED, "")
    assert not row.upload.exists()
    assert not row.columns.exists()
    with pytest.raises(Conflict):
        logs.cancel_log(actor=operator, log=row)


def test_progress_after_a_cancellation_raises(uploaded: Callable[..., Log], operator: User) -> None:
    row = uploaded(XES, "log.xes")
    taken = work.begin(Log, row.pk)
    assert taken is not None
    tell = work.Teller(taken)
    tell.stretch(0.0, 0.5, "Reading")
    row.refresh_from_db()
    assert row.note == "Reading"
    logs.cancel_log(actor=operator, log=row)
    with pytest.raises(Cancelled):
        tell.stretch(0.5, 1.0, "More")


def test_a_worker_that_died_leaves_the_log_to_the_next(uploaded: Callable[..., Log]) -> None:
    row = uploaded(XES, "log.xes")
    dead = work.begin(Log, row.pk)
    assert dead is not None
    assert work.begin(Log, row.pk) is None  # leased
    Log.objects.filter(pk=row.pk).update(lease_until=now() - dt.timedelta(seconds=1))
    assert work.due(Log) == [row.pk]
    logs.read(row.pk)
    row.refresh_from_db()
    assert row.status == WorkStatus.READY
    assert not work.finish(dead, act="readiness.log_read", after={})  # the fence


def test_an_ocel_file_with_several_kinds_of_objects_asks_which_are_the_cases(
    uploaded: Callable[..., Log], operator: User, tmp_path: Path
) -> None:
    row = uploaded(ocel(tmp_path), "log.sqlite")
    logs.read(row.pk)
    row.refresh_from_db()
    assert (row.status, row.object_types) == (WorkStatus.DRAFT, {"order": 2, "item": 1})
    with pytest.raises(Invalid):
        logs.choose_objects(actor=operator, log=row, object_type="nothing")
    logs.choose_objects(actor=operator, log=row, object_type="order")
    logs.read(row.pk)
    row.refresh_from_db()
    assert (row.status, row.cases, row.events) == (WorkStatus.READY, 2, 3)


def ocel(folder: Path) -> bytes:
    path = folder / "o.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript("""
            create table event(ocel_id, ocel_type); create table object(ocel_id, ocel_type);
            create table event_map_type(ocel_type, ocel_type_map);
            create table object_map_type(ocel_type, ocel_type_map);
            create table event_object(ocel_event_id, ocel_object_id, ocel_qualifier);
            create table object_object(ocel_source_id, ocel_target_id, ocel_qualifier);
            create table event_Do(ocel_id, ocel_time);
            create table object_Order(ocel_id, ocel_time, ocel_changed_field);
            create table object_Item(ocel_id, ocel_time, ocel_changed_field);
            insert into event_map_type values ('do', 'Do');
            insert into object_map_type values ('order', 'Order'), ('item', 'Item');
            insert into object values ('o1', 'order'), ('o2', 'order'), ('i1', 'item');
            insert into event values ('e1', 'do'), ('e2', 'do'), ('e3', 'do');
            insert into event_Do values ('e1', '2026-01-01T10:00:00Z'),
                ('e2', '2026-01-01T11:00:00Z'), ('e3', '2026-01-01T12:00:00Z');
            insert into event_object values ('e1', 'o1', ''), ('e2', 'o1', ''), ('e3', 'o2', ''),
                ('e3', 'i1', '');
        """)
    return path.read_bytes()


def test_the_owner_may_upload_for_their_own_process_and_a_stranger_may_not(
    uploaded: Callable[..., Log], owner: User, stranger: User, process: Process, approver: User
) -> None:
    assert uploaded(XES, "log.xes", actor=owner)
    for nobody in (stranger, approver):
        with pytest.raises(NotPermitted):
            uploaded(XES + b" ", "log.xes", actor=nobody)
