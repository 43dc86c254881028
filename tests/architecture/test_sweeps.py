"""What beat runs every few seconds must cost the same whatever has been kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from apps.access.models import User
from apps.orchestration.queries import attention
from config.celery import app
from config.sweeps import together

# Tables that only ever grow. Reading one of them through an index of what is open is no scan.
GROWING = (
    "orchestration_run",
    "orchestration_step",
    "runtime_action",
    "runtime_effect",
    "policies_judgedrequest",
    "approvals_approvalrequest",
    "approvals_vote",
    "ledger_ledgerevent",
    "incidents_incident",
    "incidents_link",
    "incidents_signal",
    "incidents_group",
    "incidents_keyday",
    "incidents_finding",
    "incidents_corrective",
    "incidents_regulatoryclock",
    "incidents_containment",
    "incidents_receipt",
    "incidents_rollback",
    "incidents_rollbackitem",
    "incidents_importedrun",
    "incidents_messagetemplate",
    "incidents_groupingrule",
    "approvals_notice",
    "registry_barrier",
)
OF_WHAT_IS_OPEN = ("step_awaiting", "step_needs_person", "request_open_newest", "action_unreported")
# Walks the newest events and stops: bounded by time.
BY_TIME = ("ledger_newest",)
SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
ALIAS = re.compile(r'"(\w+)" ([A-Z]\d+)\b')
pytestmark = pytest.mark.django_db


@contextmanager
def plans() -> Iterator[list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")) and not many:
            with connection.cursor() as cursor:
                execute("EXPLAIN QUERY PLAN " + sql, params, False, {**context, "cursor": cursor})
                found.append(("; ".join(row[3] for row in cursor.fetchall()), sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield found


def scans(found: list[tuple[str, str]]) -> list[str]:
    said = []
    for plan, sql in found:
        named = {alias: table for table, alias in ALIAS.findall(sql)}
        for table, index in SCAN.findall(plan):
            grows = named.get(table, table) in GROWING
            if grows and index not in (*OF_WHAT_IS_OPEN, *BY_TIME):
                said.append(f"{table} {index}: {sql}")
    return said


@pytest.mark.parametrize("name", sorted(settings.SWEEPS))
def test_no_sweep_reads_what_is_over(name: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's planner is the one that needs to be told.")
    app.autodiscover_tasks(force=True)
    with plans() as found:
        app.tasks[name].apply(throw=True)
    assert scans(found) == []


def test_neither_does_the_page_of_what_needs_a_person(operator: User) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's planner is the one that needs to be told.")
    with plans() as found:
        attention(operator)
    assert scans(found) == []


def test_every_sweep_is_sent_by_beat_and_none_keeps_another_from_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app.autodiscover_tasks(force=True)
    sent = [
        name for entry in settings.CELERY_BEAT_SCHEDULE.values() for name in entry.get("args", ())
    ]
    assert sorted(sent) == sorted(settings.SWEEPS)
    assert set(sent) <= set(app.tasks)
    done: list[str] = []

    def broken() -> None:
        raise RuntimeError("It broke.")

    monkeypatch.setitem(app.tasks, "one", broken)
    monkeypatch.setitem(app.tasks, "other", lambda: done.append("other"))
    together("one", "other")
    assert done == ["other"]
