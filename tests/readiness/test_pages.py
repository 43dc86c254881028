"""The pages of readiness, and who may open and do what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import Department, User
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.common.ids import uuid7
from apps.readiness import questions
from apps.readiness.mining import generate
from apps.readiness.models import Activity, Assessment, Interview, Log, Process, ReadinessStamp
from apps.readiness.services import assessing, inventory, logs
from apps.registry.models import Agent
from apps.registry.services import grant, register_tool
from tests.readiness.things import Things, as_csv, everything, measured, uploaded
from tests.support import SPEC

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def things(operator: User, owner: User, member: User, department: Department) -> Things:
    return everything(operator, owner, member, department)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_every_page_opens_for_who_keeps_the_inventory(
    things: Things, operator: User, signed_in: SignIn
) -> None:
    client = signed_in(operator)
    for name, path in things.pages().items():
        answer = client.get(path)
        assert answer.status_code == 200, (name, answer.status_code)
        assert "{{" not in text(answer), name


def test_a_stranger_finds_nothing_there(things: Things, stranger: User, signed_in: SignIn) -> None:
    client = signed_in(stranger)
    for name, path in things.pages().items():
        assert client.get(path).status_code == 404, name
    for path in ("RA-{a}/accept", "RA-{a}/cancel", "EL-{l}/cancel", "RI-{i}/judge"):
        at = path.format(a=things.assessment.number, l=things.log.number, i=things.interview.number)
        assert client.post(f"/readiness/{at}").status_code in (403, 404)


def test_who_only_looks_sees_the_map_and_no_forms(
    things: Things, approver: User, signed_in: SignIn
) -> None:
    client = signed_in(approver)
    shown = text(client.get("/readiness/invoices"))
    assert "Map of Invoices" in shown
    assert "Bring in a log" not in shown
    for name in ("edit", "steps", "describe", "answer", "logs", "assess"):
        assert client.get(f"/readiness/invoices/{name}").status_code == 404, name


def test_the_process_page_tells_hidden_work_gates_and_evidence(
    things: Things, member: User, signed_in: SignIn
) -> None:
    shown = text(signed_in(member).get("/readiness/invoices"))
    for words in (
        "Call vendor", "Skipped controls", "Match purchase order", "phone", "Not sanctioned",
        "What decides", "Structured", things.log.reference,
        "they may look and change nothing", "What to fix first",
    ):  # fmt: skip
        assert words in shown, words


def test_the_portfolio_shows_each_process_with_grades(
    things: Things, member: User, signed_in: SignIn
) -> None:
    shown = text(signed_in(member).get("/readiness/"))
    assert "Value against readiness" in shown
    assert "Blocked" in shown
    assert "hours a year" in shown


def test_an_empty_inventory_says_what_to_do_next(
    operator: User, approver: User, signed_in: SignIn
) -> None:
    assert "Add the first one" in text(signed_in(operator).get("/readiness/"))
    assert "Whoever keeps the inventory" in text(signed_in(approver).get("/readiness/"))


def test_a_process_goes_from_nothing_to_a_measurement_by_its_pages(
    operator: User, department: Department, owner: User, signed_in: SignIn
) -> None:
    client = signed_in(operator)
    answer = client.post(
        "/readiness/new",
        {"name": "Invoices", "slug": "invoices", "purpose": "Pays.", "department": department.pk,
         "owner": owner.pk, "volume": "1 2", "minutes": "1 2 3", "reviewer_hours": "3"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert "three numbers" in text(answer)
    data = {
        "name": "Invoices", "slug": "invoices", "purpose": "Pays.", "department": department.pk,
        "owner": owner.pk, "volume": "1, 2, 3", "minutes": "1 2 3", "reviewer_hours": "3",
    }  # fmt: skip
    assert client.post("/readiness/new", data).status_code == 302
    wrong = client.post("/readiness/invoices/steps", {"text": "A\n  B"})
    assert wrong.status_code == 422
    assert "Line 2" in text(wrong)
    assert "A\n  B" in text(wrong)
    client.post("/readiness/invoices/steps", {"text": "Receive invoice\nPay invoice"})
    rows = generate.generated(generate.Plan(cases=250))[0]
    answer = client.post(
        "/readiness/invoices/logs", {"file": SimpleUploadedFile("log.csv", as_csv(rows))}
    )
    log = Log.objects.get()
    assert answer["Location"] == f"/readiness/EL-{log.number}"
    shown = text(client.get(answer["Location"]))
    assert "Which column is what?" in shown
    assert "INV-0000000" in shown
    chosen = {"case": "case", "activity": "", "at": "at"}
    assert client.post(answer["Location"], chosen).status_code == 422
    chosen = {**log.mapping, "activity": "activity", "attributes": ""}
    client.post(answer["Location"], chosen)
    logs.read(log.pk)
    assert "What was read" in text(client.get(answer["Location"]))
    answer = client.post("/readiness/invoices/assess", {"log": str(log.number)})
    row = Assessment.objects.get()
    assert answer["Location"] == f"/readiness/RA-{row.number}"
    assert "Waiting for a worker" in text(client.get(answer["Location"]))
    assessing.assess(row.pk)
    assert "Readiness 0." in text(client.get(answer["Location"]))


def test_a_draft_log_shows_its_progress_and_can_be_cancelled(
    things: Things, operator: User, signed_in: SignIn
) -> None:
    client = signed_in(operator)
    client.post(f"/readiness/EL-{things.draft.number}/cancel")
    things.draft.refresh_from_db()
    assert things.draft.status == "cancelled"
    assert "It was cancelled" in text(client.get(f"/readiness/EL-{things.draft.number}"))
    assert "not well-formed" in text(client.get(f"/readiness/EL-{things.failed.number}")).replace(
        "XML", "not well-formed"
    )


def test_the_owner_keeps_their_process_but_not_what_makes_it_lawful(
    things: Things, approver: User, member: User, signed_in: SignIn
) -> None:
    things.process.owner = approver
    things.process.save()
    client = signed_in(approver)
    shown = text(client.get("/readiness/invoices/edit"))
    assert "Lawful basis" not in shown
    data = {"purpose": "Other.", "volume": "", "minutes": "", "reviewer_hours": "0",
            "lawful_basis": "None", "owner": member.pk}  # fmt: skip
    assert client.post("/readiness/invoices/edit", data).status_code == 302
    found = Process.objects.get()
    assert (found.purpose, found.owner_id) == ("Other.", approver.pk)
    assert found.lawful_basis == "Contracts with suppliers"


def test_two_editors_do_not_overwrite_each_other(
    things: Things, operator: User, owner: User, signed_in: SignIn
) -> None:
    seen = inventory.version_of(things.process)
    inventory.change_process(actor=operator, process=things.process, purpose="Mine.")
    client = signed_in(operator)
    data = {"name": "Invoices", "purpose": "Yours.", "department": things.process.department_id,
            "reviewer_hours": "1", "seen": str(seen)}  # fmt: skip
    answer = client.post("/readiness/invoices/edit", data)
    assert answer.status_code == 422
    assert "Somebody changed this meanwhile" in text(answer)
    assert "Yours." in text(answer)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({"what": "step", "name": "Pay invoice", "severity": "3", "undo": "tested"}, 422, "tested"),
        ({"what": "step", "name": "X", "severity": "3", "undo": "tested",
          "undo_tested_on": "2026-02-31"}, 422, "A day that was."),
        ({"what": "step", "name": "X", "severity": "3", "undo": "untested"}, 302, ""),
        ({"what": "source", "name": "T", "rules": "[{]"}, 422, "no JSON: Expecting"),
        ({"what": "source", "name": "T", "rules": '[{"check": "odd"}]'}, 422, "Rule 1"),
        ({"what": "source", "name": "T", "rules": '[{"field": "a", "check": "one_of"}]'}, 422,
         "needs “values”"),
        ({"what": "source", "name": "T", "rules": '[NaN]'}, 422, "NaN is no number"),
        ({"what": "rule", "kind": "never_both", "first": "A", "second": "A"}, 422, "different"),
        ({"what": "rule", "kind": "never_both", "first": "A", "second": "B"}, 302, ""),
        ({"what": "decision", "at": "A", "field-1": "x", "test-1": "over", "value-1": "5",
          "field-2": "y", "test-2": "one_of", "value-2": "a, b", "then": "B",
          "otherwise": "C"}, 302, ""),
        ({"what": "decision", "at": "A", "field-1": "x", "test-1": "over", "value-1": "nan",
          "then": "B", "otherwise": "C"}, 422, "compares with a number"),
        ({"what": "decision", "at": "A"}, 422, "Say after which step"),
        ({"what": "odd"}, 404, ""),
    ],
)  # fmt: skip
def test_what_is_known_of_steps_tables_and_rules(
    things: Things, owner: User, signed_in: SignIn, data: dict[str, str], status: int, words: str
) -> None:
    answer = signed_in(owner).post("/readiness/invoices/describe", data)
    assert answer.status_code == status
    assert words in text(answer)


def test_a_description_is_taken_away_and_its_history_stays(
    things: Things, owner: User, signed_in: SignIn
) -> None:
    row = Activity.objects.get(name="Pay invoice")
    data = {"what": "remove", "kind": "step", "row": str(row.pk)}
    client = signed_in(owner)
    assert client.post("/readiness/invoices/describe", data).status_code == 302
    assert Activity.history.filter(name="Pay invoice").count() == 2  # type: ignore[attr-defined]
    data = {"what": "remove", "kind": "source", "row": str(things.source.pk)}
    assert client.post("/readiness/invoices/describe", data).status_code == 422


def test_answers_are_countersigned_by_another_of_the_council(
    things: Things, owner: User, member: User, chair: User, signed_in: SignIn
) -> None:
    url = f"/readiness/RI-{things.interview.number}"
    assert "Countersign the answers" not in text(signed_in(owner).get(url))
    assert "In the wiki." in text(signed_in(member).get(url))
    back = signed_in(chair).post(f"{url}/judge", {"right": "no", "reason": ""})
    assert back.status_code == 409
    signed_in(chair).post(f"{url}/judge", {"right": "yes"})
    states = Interview.objects.order_by("number").values_list("status", flat=True)
    assert list(states) == ["superseded", "countersigned"]
    assert signed_in(member).post(f"{url}/judge", {"right": "yes"}).status_code == 409


def test_a_questionnaire_that_is_not_finished_keeps_what_was_chosen(
    things: Things, owner: User, signed_in: SignIn
) -> None:
    client = signed_in(owner)
    answer = client.post("/readiness/invoices/answer", {"rules_written": "2"})
    assert answer.status_code == 422
    assert text(answer).count(" checked") == 1
    whole = dict.fromkeys(questions.KEYS, "4")
    assert client.post("/readiness/invoices/answer", whole).status_code == 302


def test_a_level_is_accepted_on_the_page_by_who_may(
    things: Things, operator: User, member: User, signed_in: SignIn
) -> None:
    Assessment.objects.filter(pk=things.assessment.pk).update(level=3, blocked=[])
    url = f"/readiness/RA-{things.assessment.number}"
    assert "Let agents go further?" not in text(signed_in(operator).get(url))
    client = signed_in(member)
    assert "Let agents go further?" in text(client.get(url))
    assert client.post(f"{url}/accept", {"reason": ""}).status_code == 409
    assert client.post(f"{url}/accept", {"reason": "Read."}).status_code == 302
    things.process.refresh_from_db()
    assert things.process.level == 3
    assert "one in five" in text(client.get("/readiness/invoices"))


def test_pages_cost_the_same_with_one_process_and_with_many(
    things: Things, member: User, operator: User, signed_in: SignIn
) -> None:
    def counted() -> dict[str, int]:
        found = {}
        for name, path in things.pages().items():
            client = signed_in(operator)
            client.get(path)
            with CaptureQueriesContext(connection) as queries:
                client.get(path)
            found[name] = len(queries)
        return found

    few = counted()
    for number in range(8):
        other = Process.objects.get(pk=things.process.pk)
        other.pk, other.slug, other.name = None, f"other-{number}", f"Other {number}"
        other._state.adding = True
        other.save()
        row = Assessment.objects.get(pk=things.assessment.pk)
        row.pk, row.number, row.process = uuid7(), 2_000 + number, other
        row.save(force_insert=True)
        row.pk, row.number, row.process = uuid7(), 3_000 + number, things.process
        row.save(force_insert=True)
    many = counted()
    assert {name: many[name] - few[name] for name in few if many[name] > few[name]} == {}
    assert max(many.values()) <= 40
    print(many)


def test_what_is_understood_of_an_outline_is_shown_before_it_is_kept(
    things: Things, owner: User, signed_in: SignIn
) -> None:
    client, url = signed_in(owner), "/readiness/invoices/steps"
    shown = text(client.post(url, {"text": "A\nB ?\nC", "show": "yes"}))
    assert "not kept yet" in shown
    assert "<td>A</td><td>B, C</td>" in shown
    things.process.refresh_from_db()
    assert "Pay invoice" in str(things.process.steps)
    assert "Line 2" in text(client.post(url, {"text": "A\n   B", "show": "yes"}))
    deep = "\n".join("  " * level + "block:" for level in range(400))
    assert client.post(url, {"text": deep}).status_code == 422


def test_a_bpmn_file_of_another_encoding_is_kept_and_its_steps_are_listed(
    things: Things, owner: User, signed_in: SignIn
) -> None:
    client = signed_in(owner)
    for encoding in ("iso-8859-1", "utf-16"):
        data = generate.expenses.bpmn().replace("Submit claim", "Prüfen")
        data = data.replace("UTF-8", encoding).encode(encoding)
        answer = client.post(
            "/readiness/invoices/steps", {"file": SimpleUploadedFile("p.bpmn", data)}
        )
        assert answer.status_code == 302
        shown = text(client.get("/readiness/invoices/steps"))
        assert "from a BPMN file" in shown
        assert "Prüfen" in shown
    assert "Prüfen" in text(client.get("/readiness/invoices/describe"))
    bad = SimpleUploadedFile("p.bpmn", b"<no")
    assert client.post("/readiness/invoices/steps", {"file": bad}).status_code == 422


@pytest.mark.parametrize(
    ("field", "check", "argument", "rule"),
    [
        ("c", "one_of", "EUR, GBP", {"values": ["EUR", "GBP"]}),
        ("a", "range", "0..10", {"least": 0.0, "most": 10.0}),
        ("a", "range", "..10", {"most": 10.0}),
        ("i", "pattern", "^DE", {"pattern": "^DE"}),
        ("p", "not_before", "issued", {"other": "issued"}),
        ("g", "sum_of", "net, tax", {"fields": ["net", "tax"]}),
        ("u", "fresh", "30", {"days": 30.0}),
    ],
)
def test_rules_of_a_table_are_added_and_taken_away_one_by_one(
    things: Things, owner: User, signed_in: SignIn, field: str, check: str, argument: str,
    rule: dict[str, Any],
) -> None:  # fmt: skip
    client, url = signed_in(owner), "/readiness/invoices/describe"
    data = {"what": "table-rule", "row": things.source.pk, "field": field, "check": check,
            "argument": argument}  # fmt: skip
    assert client.post(url, data).status_code == 302
    things.source.refresh_from_db()
    assert things.source.rules[-1] == {"field": field, "check": check, **rule}
    assert client.post(url, {**data, "argument": ""}).status_code == 422
    data = {"what": "rule-off", "row": things.source.pk, "place": "1"}
    assert client.post(url, data).status_code == 302
    things.source.refresh_from_db()
    assert len(things.source.rules) == 1


def test_a_description_that_somebody_changed_is_not_overwritten(
    things: Things, owner: User, operator: User, signed_in: SignIn
) -> None:
    client = signed_in(owner)
    page = text(client.get("/readiness/invoices/describe?step=Pay+invoice"))
    assert 'value="Pay invoice" readonly' in page
    row = Activity.objects.get(name="Pay invoice")
    seen = inventory.version_of(row)
    inventory.describe_step(
        actor=operator, process=things.process, name="Pay invoice", severity=5, undo="none"
    )
    data = {"what": "step", "name": "Pay invoice", "severity": "0", "undo": "none", "seen": seen}
    answer = client.post("/readiness/invoices/describe", data)
    assert answer.status_code == 422
    assert "Somebody changed this meanwhile" in text(answer)
    row.refresh_from_db()
    assert row.severity == 5
    seen = inventory.version_of(things.system)
    inventory.save_system(
        actor=operator, name="mailbox", access="api", sanctioned=True, system=things.system
    )
    data = {"name": "mailbox", "access": "file", "seen": seen}
    answer = signed_in(operator).post(f"/readiness/systems/{things.system.pk}", data)
    assert answer.status_code == 422


def test_processes_do_not_wait_for_each_other_in_a_circle(
    things: Things, operator: User, department: Department
) -> None:
    second = inventory.register_process(
        actor=operator, slug="second", name="Second", purpose="-", department=department,
        depends_on=["invoices"],
    )  # fmt: skip
    with pytest.raises(Invalid, match="cannot wait for itself"):
        inventory.change_process(actor=operator, process=things.process, depends_on=["second"])
    with pytest.raises(Invalid, match="cannot wait for itself"):
        inventory.change_process(actor=operator, process=second, depends_on=["second"])
    with pytest.raises(Invalid, match="no process"):
        inventory.change_process(actor=operator, process=second, depends_on=["nowhere"])


def test_a_new_name_is_told_to_the_gate_at_once(things: Things, operator: User) -> None:
    before = ReadinessStamp.objects.get().number
    inventory.change_process(actor=operator, process=things.process, purpose="Other.")
    assert ReadinessStamp.objects.get().number == before
    inventory.change_process(actor=operator, process=things.process, name="Bills")
    assert ReadinessStamp.objects.get().number != before


def test_the_process_page_says_what_it_bounds_and_what_was_answered(
    things: Things, member: User, agent: Agent, signed_in: SignIn
) -> None:
    assert "Nothing yet: no workflow" in text(signed_in(member).get("/readiness/invoices"))
    tool = register_tool(actor=None, spec=replace(SPEC, name="shelf.take"))
    grant(actor=None, agent=agent, tool=tool, expires_at=now() + dt.timedelta(days=1),
          reason="Work", process="invoices")  # fmt: skip
    shown = text(signed_in(member).get("/readiness/invoices"))
    assert f"{agent.name}: {tool.title}" in shown
    assert "RI-1001" in shown
    assert "Superseded" not in shown
    shown = text(signed_in(member).get("/readiness/systems"))
    assert shown.count(">Invoices</a>") >= 5


def test_waiting_is_told_apart_only_where_a_log_knows_when_work_began(
    process: Process, operator: User, member: User, signed_in: SignIn
) -> None:
    def page(begins: str) -> str:
        lines = [f"Case,Activity,{begins}End_Time"]
        for case in range(30):
            for activity, began, ended in (
                ("Read", "09:00", "10:00"), ("Match", "10:30", "11:30"), ("Pay", "11:10", "12:00"),
            ):  # fmt: skip
                day = f"2026-0{case % 9 + 1}-10"
                start = f"{day} {began}:00," if begins else ""
                lines.append(f"C{case},{activity},{start}{day} {ended}:00")
        row = uploaded(operator, process, "\n".join(lines).encode())
        logs.map_log(actor=operator, log=row, mapping=logs.mapping_of(row.mapping))
        logs.read(row.pk)
        row.refresh_from_db()
        found = measured(operator, process, row)
        return text(signed_in(member).get(f"/readiness/{found.reference}"))

    assert "Of it waiting" not in page("")
    shown = page("Start_Time,")
    assert "Of it waiting, median" in shown
    assert "30 min" in shown.replace("minutes", "min")
    assert "begins before the other ends" in shown
