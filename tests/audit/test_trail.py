"""Finding events: the same rows by the ledger's indexes, by the index of words and before it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.audit.index.writing import catch_up, unindexed
from apps.audit.models import SavedView, TrailEntry
from apps.audit.queries.events import Found, facets, look
from apps.audit.rules.grammar import parse
from apps.common.acting import acting
from apps.common.clock import now
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from apps.registry.models import Agent

START = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def past(db: None, agent: Agent, approver: User) -> list[LedgerEvent]:
    """Sixty acts, one a minute: a person's votes, an agent's refused calls, the system's."""
    made = []
    for minute in range(60):
        at = START + dt.timedelta(minutes=minute)
        kind = ("person", "agent", "system")[minute % 3]
        label = {"person": str(approver), "agent": agent.label, "system": "system"}[kind]
        pk = {"person": str(approver.pk), "agent": str(agent.pk), "system": ""}[kind]
        with acting(kind=kind, id=pk, label=label):
            made.append(
                record(
                    type=("approval.voted", "action.denied", "run.started")[minute % 3],
                    outcome=("approve", "denied", "done")[minute % 3],
                    reason=f"Café number{minute} quarter{minute // 15}",
                    policy_versions={"limits": minute % 2 + 1},
                    at=at,
                )
            )
    return made


def rows(reader: User, query: str, **more: Any) -> list[LedgerEvent]:
    found = look(reader, parse(query), size=200, **more)
    return found.rows


CASES = [
    ("at:2026-11-01", 60),
    ("type:approval.voted at:2026-11-01", 20),
    ("type:action.* at:2026-11-01", 20),
    ("kind:agent at:2026-11-01", 20),
    ("-kind:system at:2026-11-01", 40),
    ("outcome:denied at:2026-11-01", 20),
    ("agent:clerk at:2026-11-01", 20),
    ("actor:Approver at:2026-11-01", 20),
    ("policy:limits@2 at:2026-11-01", 30),
    ("policy:limits kind:person at:2026-11-01", 20),
    ("cafe at:2026-11-01", 60),
    ("CAFÉ quarter1 at:2026-11-01", 15),
    ("quart* -quarter1 at:2026-11-01", 45),
    ("number7 quarter0 cafe", 1),
    ("type:approval.voted type:run.started at:2026-11-01", 40),
    ("at:2026-11-01T12:10:00Z..2026-11-01T12:20:00Z", 10),
    ("cafe at:2026-11-01T12:10:00Z..2026-11-01T12:20:00Z", 10),
    ("nowhere", 0),
    ("kind:person outcome:denied", 0),
]


@pytest.mark.parametrize(("query", "number"), CASES)
def test_each_condition_finds_the_same_before_and_after_indexing(
    past: list[LedgerEvent], auditor: User, query: str, number: int
) -> None:
    before = rows(auditor, query)
    assert len(before) == number
    catch_up()
    after = rows(auditor, query)
    assert {row.pk for row in after} == {row.pk for row in before}
    assert [row.at for row in after] == sorted((row.at for row in before), reverse=True)


@pytest.mark.parametrize("query", ["at:2026-11-01", "cafe", "policy:limits -kind:system"])
def test_pages_meet_without_a_gap_both_ways(
    past: list[LedgerEvent], auditor: User, query: str
) -> None:
    catch_up()
    pages: list[Found] = [look(auditor, parse(query), size=7)]
    while pages[-1].older:
        pages.append(look(auditor, parse(query), after=pages[-1].older, size=7))
    forward = [row.pk for page in pages for row in page.rows]
    assert forward == [row.pk for row in rows(auditor, query)]
    back = pages[-1]
    seen = [[row.pk for row in back.rows]]
    while back.newer:
        back = look(auditor, parse(query), before=back.newer, size=7)
        seen.insert(0, [row.pk for row in back.rows])
    assert [pk for page in seen for pk in page if pk] == forward


def test_an_event_that_became_visible_late_is_indexed_in_its_place(
    past: list[LedgerEvent], auditor: User
) -> None:
    catch_up()
    late = record(type="run.finished", reason="cafe late", at=START + dt.timedelta(minutes=3))
    assert late.pk in [row.pk for row in unindexed(whole=True)]
    assert late.pk not in [row.pk for row in rows(auditor, "late")]
    catch_up(whole=True)
    assert [row.pk for row in rows(auditor, "late")] == [late.pk]
    found = rows(auditor, "cafe")
    assert found.index(late) in (56, 57)
    assert TrailEntry.objects.count() == LedgerEvent.objects.count()


def test_indexing_again_changes_nothing(past: list[LedgerEvent]) -> None:
    catch_up(whole=True)
    assert catch_up(whole=True) == 0


def test_facets_count_what_the_query_finds(past: list[LedgerEvent], auditor: User) -> None:
    catch_up()
    found = facets(auditor, parse("kind:agent at:2026-11-01"))
    assert (found.of, found.whole) == (20, True)
    counts = {facet.key: facet.values for facet in found.facets}
    assert counts["type"] == [("action.denied", "action.denied", 20)]
    assert counts["kind"] == [("agent", "agent", 20)]


def test_a_stranger_finds_nothing(past: list[LedgerEvent], stranger: User) -> None:
    assert rows(stranger, "cafe") == []
    assert rows(stranger, "") == []
    assert facets(stranger, parse("")).of == 0


HOSTILE = [
    '" OR 1=1 --',
    "') UNION SELECT password FROM access_user --",
    "NEAR(a b) AND NOT OR ^x {a b}: col:",
    "' & | ! <-> :*",
    "a" * 5_000,
    "-" * 50,
    "*",
    '"*"',
    "\\ \\\\ \\'",
    "type:'",
    "at:99999-01-01",
    "at:0001-01-01..9999-12-30",
    "run:R-99999999999999999999",
    "request:C-0",
    "session:' OR ''='",
    "actor:person/' OR 1",
    "object:registry.agent/99999999999999999999999",
    "zzall -zzall",
    "\u202e\U0001f600 \ud800".encode("utf-8", "replace").decode(),
]


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_query_breaks_nothing(
    past: list[LedgerEvent],
    auditor: User,
    signed_in: Callable[[User], Client],
    query: str,
) -> None:
    catch_up()
    page = signed_in(auditor).get("/audit/", {"q": query, "after": query, "before": query[:40]})
    assert page.status_code == 200
    assert b"Audit log" in page.content


def test_the_page_shows_chips_that_take_one_filter_away(
    past: list[LedgerEvent], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(auditor).get("/audit/", {"q": "kind:agent cafe"}).content.decode()
    assert 'href="/audit/?q=cafe"' in page
    assert 'href="/audit/?q=kind%3Aagent"' in page


def test_a_moved_control_ends_in_a_short_address(
    past: list[LedgerEvent], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    asked = {"q": "cafe", "was": "cafe", "type": "", "kind": "agent", "from": "", "to": ""}
    answer = signed_in(auditor).get("/audit/", asked)
    assert answer.status_code == 302
    assert answer["Location"] == "/audit/?q=cafe+kind%3Aagent"


def test_a_lasting_link_shows_the_same_rows_later(
    past: list[LedgerEvent], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(auditor)
    link = client.get("/audit/", {"q": "cafe"}).context["lasting_url"]
    before = [row.pk for row in client.get(link).context["page"].rows]
    record(type="run.started", reason="cafe again")
    assert [row.pk for row in client.get(link).context["page"].rows] == before
    assert len(client.get("/audit/", {"q": "cafe again"}).context["page"].rows) == 1


def test_an_empty_result_says_what_was_searched(
    past: list[LedgerEvent], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(auditor).get("/audit/", {"q": "nowhere"}).content.decode()
    assert "Nothing matches" in page
    assert "2026-11-01 12:00:00" in page


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_holds_exactly_what_is_filtered_and_is_on_record(
    past: list[LedgerEvent], auditor: User, signed_in: Callable[[User], Client], form: str
) -> None:
    catch_up()
    answer = signed_in(auditor).post("/audit/export", {"q": "cafe kind:agent", "form": form})
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    ids = (
        [row["id"] for row in csv.DictReader(io.StringIO(text))]
        if form == "csv"
        else [json.loads(line)["id"] for line in text.splitlines()]
    )
    assert ids == [str(row.pk) for row in rows(auditor, "cafe kind:agent at:2026-11-01")]
    told = LedgerEvent.objects.get(type="audit.exported")
    assert told.after == {
        "query": "cafe kind:agent",
        "form": form,
        "until": told.after["until"],  # type: ignore[index]
    }


def test_a_formula_in_a_reason_is_text_in_the_csv(
    auditor: User, signed_in: Callable[[User], Client]
) -> None:
    record(type="run.started", reason="=1+1", at=now() - dt.timedelta(seconds=2))
    answer = signed_in(auditor).post("/audit/export", {"q": "type:run.started", "form": "csv"})
    assert "'=1+1" in b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_stranger_cannot_export(stranger: User, signed_in: Callable[[User], Client]) -> None:
    assert signed_in(stranger).post("/audit/export", {"form": "csv"}).status_code == 404


def test_a_search_is_on_record_once_an_hour(
    past: list[LedgerEvent], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(auditor)
    for _ in range(3):
        client.get("/audit/", {"q": "cafe"})
    client.get("/audit/")
    told = LedgerEvent.objects.filter(type="audit.searched")
    assert [event.object_label for event in told] == ["cafe"]
    assert told[0].actor_label == "Auditor"


def test_views_are_kept_by_their_owner_and_seen_by_others_when_shared(
    past: list[LedgerEvent],
    auditor: User,
    member: User,
    signed_in: Callable[[User], Client],
) -> None:
    client = signed_in(auditor)
    for name, more in (("Mine", {}), ("Ours", {"shared": "on"})):
        data = {"name": name, "q": "kind:agent", "columns": ["actor", "run"], **more}
        assert client.post("/audit/views", data).status_code == 302
    assert client.post("/audit/views", {"name": "Mine", "q": ""}).status_code == 409
    assert client.post("/audit/views", {"name": " ", "q": ""}).status_code == 422
    seen = signed_in(member).get("/audit/").context["saved"]
    assert [view.name for view in seen] == ["Ours"]
    shown = client.get(f"/audit/?{seen[0].address}").context
    assert shown["columns"] == ["actor", "run"]
    assert shown["text"] == "kind:agent"
    ours = SavedView.objects.get(name="Ours")
    assert signed_in(member).post(f"/audit/views/{ours.pk}/remove").status_code == 404
    assert client.post(f"/audit/views/{ours.pk}/remove").status_code == 302
    assert not SavedView.objects.filter(pk=ours.pk).exists()


def test_an_object_has_one_page_for_its_trail_and_its_history(
    agent: Agent, auditor: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    for page in ("object", "history"):
        url = f"/audit/{page}/registry.agent/{agent.pk}"
        answer = signed_in(auditor).get(url)
        assert answer.status_code == 200
        assert f"/audit/history/registry.agent/{agent.pk}" in answer.content.decode()
        assert signed_in(stranger).get(url).status_code == 404
    types = {
        row.type
        for row in signed_in(auditor).get(url.replace("history", "object")).context["page"].rows
    }
    assert {"agent.registered", "grant.given", "agent.activated"} <= types


@pytest.mark.parametrize(
    "path", ["registry.agent/999", "registry.agent/x", "no.model/1", "registry.agent/9" + "9" * 30]
)
def test_an_object_that_is_not_there_is_absent(
    auditor: User, signed_in: Callable[[User], Client], path: str
) -> None:
    for page in ("object", "history"):
        assert signed_in(auditor).get(f"/audit/{page}/{path}").status_code == 404
