"""The product's own runs as an event log that its own readiness map reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import vote
from apps.common.clock import now
from apps.common.errors import NotPermitted
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run
from apps.orchestration.queries import exporting
from apps.orchestration.services import drain, export_runs, roll_back
from apps.readiness.mining import graph
from apps.readiness.mining.readers import preview, read_log
from apps.registry.models import Agent
from tests.orchestration.conftest import fresh

pytestmark = pytest.mark.django_db


def decide(person: User, choice: str) -> None:
    request = ApprovalRequest.objects.get(status="pending")
    vote(
        actor=person,
        request_id=request.pk,
        choice=choice,
        reason="Looked at it.",
        digest=request.action_digest,
    )


@pytest.fixture
def three(begin: Callable[..., Run], approver: User, second_approver: User) -> list[Run]:
    """One that nobody was asked about, one approved step by step, one rejected at once."""
    plain = begin(3)
    drain()
    approved = begin(12)
    for _ in range(2):
        drain()
        decide(approver, "approve")
    drain()
    rejected = begin(15)
    drain()
    decide(second_approver, "reject")
    drain()
    return [fresh(plain), fresh(approved), fresh(rejected)]


def exported(client: Client, **filters: str) -> bytes:
    answer: Any = client.post("/runs/export", filters)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_the_runs_of_the_cast_give_the_graph_that_happened(
    three: list[Run], auditor: User, signed_in: Callable[[User], Client], tmp_path: Path,
    agent: Agent,
) -> None:  # fmt: skip
    assert [run.status for run in three] == ["succeeded", "succeeded", "failed"]
    file = tmp_path / "runs.csv"
    file.write_bytes(exported(signed_in(auditor)))
    assert preview(file).problems == ()
    log = read_log(file, name="runs.csv")
    assert not log.faults
    put = rows_of(file.read_bytes())[0]["activity"]
    yes, no = "Approved by a person", "Rejected by a person"
    edges = {(edge.source, edge.target): edge.count for edge in graph.directly_follows(log).edges}
    assert edges == {(put, put): 1, (yes, put): 2, (put, yes): 1}
    assert log.cases == 3
    assert log.events == 2 + 4 + 1
    by_case = {case: part for (case,), part in log.frame.group_by("case")}
    assert by_case[three[2].reference]["activity"].cast(str).to_list() == [no]
    assert log.frame["system"].unique().sort().to_list() == ["council", "shelf"]
    assert agent.name in log.frame["resource"].to_list()
    assert log.frame["team"].null_count() == 0
    assert log.frame["start_at"].null_count() == 3  # what people answered has no beginning


def test_the_outcome_stands_on_the_last_event_alone(
    three: list[Run], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    rows = rows_of(exported(signed_in(auditor)))
    assert [row["outcome"] for row in rows] == ["", "stocked", "", "", "", "stocked", "rejected"]
    assert {row["workflow"] for row in rows} == {"Stocking"}


def test_the_filters_of_the_list_hold_for_the_file_and_it_is_on_record(
    three: list[Run], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    rows = rows_of(exported(signed_in(auditor), status="failed", workflow="stocking"))
    assert {row["case"] for row in rows} == {three[2].reference}
    event = LedgerEvent.objects.get(type="runs.exported")
    assert event.after["filters"] == {"status": "failed", "workflow": "stocking"}
    assert event.actor_label == str(auditor)
    shown = signed_in(auditor).get("/runs/?status=failed").content.decode()
    assert 'name="status" value="failed"' in shown
    assert "Export as event log" in shown


def test_what_is_undone_is_an_event_of_its_own(
    begin: Callable[..., Run], operator: User, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    run = begin(3)
    drain()
    roll_back(actor=operator, run=fresh(run), reason="Not wanted.")
    drain()
    assert fresh(run).status == "rolled_back"
    names = [row["activity"] for row in rows_of(exported(signed_in(auditor)))]
    assert names == [names[0], names[0], f"Undo: {names[0]}", f"Undo: {names[0]}"]


def test_a_table_program_runs_nothing_that_somebody_wrote(
    three: list[Run], auditor: User, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    agent.name = "=HYPERLINK(1)"
    agent.save()
    named = {row["resource"] for row in rows_of(exported(signed_in(auditor)))}
    assert "'=HYPERLINK(1)" in named


def test_only_who_may_see_runs_takes_them_away(
    three: list[Run], stranger: User, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    assert signed_in(stranger).post("/runs/export").status_code == 404
    with pytest.raises(NotPermitted):
        export_runs(actor=stranger, filters={}, until=now())
    assert not LedgerEvent.objects.filter(type="runs.exported").exists()
    assert signed_in(auditor).get("/runs/export").status_code == 405


def test_more_runs_cost_no_more_questions_a_chunk(
    begin: Callable[..., Run], auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> tuple[int, int]:
        found = export_runs(actor=auditor, filters={}, until=now())
        with CaptureQueriesContext(connection) as asked:
            number = sum(1 for _ in found)
        return len(asked), number

    begin(1)
    drain()
    little, two = cost()
    for _ in range(3):
        begin(1)
        drain()
    much, eight = cost()
    assert (two, eight) == (2, 8)
    assert little == much
    monkeypatch.setattr(exporting, "CHUNK", 3)
    assert cost()[1] == 8
