"""A measurement from the log to the level, and who lets a level rise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from apps.access.models import User
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.readiness import directory, questions
from apps.readiness.mining import generate
from apps.readiness.models import (
    Activity,
    Assessment,
    Interview,
    Log,
    Process,
    ReadinessStamp,
    System,
)
from apps.readiness.services import assessing, levels
from apps.readiness.states import InterviewStatus, Level, WorkStatus

pytestmark = pytest.mark.django_db


def fresh(**changes: Any) -> Any:
    """A log that ended shortly ago."""
    cases = changes.pop("cases", 400)
    begin = now() - dt.timedelta(minutes=30 * cases) - dt.timedelta(days=2)
    return generate.generated(generate.Plan(cases=cases, begin=begin, **changes))


@pytest.fixture
def assessed(process: Process, operator: User) -> Callable[..., Assessment]:
    def go(log: Log | None, **period: Any) -> Assessment:
        row = assessing.ask_for_assessment(actor=operator, process=process, log=log, **period)
        assessing.assess(row.pk)
        row.refresh_from_db()
        assert row.status == WorkStatus.READY, row.error
        process.refresh_from_db()
        return row

    return go


def described(process: Process) -> None:
    """Every step is described, and what cannot be undone is looked at first."""
    for name in ("Receive invoice", "Read fields", "Match purchase order", "Route invoice",
                 "Approve by clerk", "Approve by manager", "Return to vendor"):  # fmt: skip
        Activity.objects.create(
            process=process, name=name, severity=1, undo="tested", undo_tested_on=now().date()
        )
    Activity.objects.create(process=process, name="Pay invoice", severity=4, guarded=True)


CLEAN = {"shadow_call": 0.0, "shadow_sheet": 0.0, "early_payment": 0.0, "misread": 0.0,
         "routing_noise": 0.0, "strict_manager": 0.0, "other_managers": 0.0}  # fmt: skip


def test_an_assessment_finds_what_was_planted_and_says_what_blocks(
    read: Callable[..., Log], assessed: Callable[..., Assessment], process: Process
) -> None:
    rows, truth = fresh()
    found = assessed(read(rows))
    aligned = found.results["conformance"]
    shadow = {each["activity"]: each["cases"] for each in aligned["shadow_work"]}
    assert shadow["Call vendor"] == truth.called
    skipped = {each["activity"]: each["cases"] for each in aligned["skipped_controls"]}
    assert skipped["Match purchase order"] == truth.sheet
    assert "systems" in found.blocked  # phone and spreadsheet, which nobody sanctioned
    assert found.level == process.level == Level.NOT_YET
    assert process.level_from == found.number


def test_the_digest_binds_results_and_inputs(
    read: Callable[..., Log], assessed: Callable[..., Assessment]
) -> None:
    rows, _ = fresh(cases=250)
    log = read(rows)
    found = assessed(log)
    assert found.digest == digest({"inputs": found.inputs, "results": found.results})
    assert found.inputs["log"] == {"reference": log.reference, "sha256": log.sha256}
    event = LedgerEvent.objects.get(type="readiness.assessed")
    assert found.digest in str(event.after)


def test_the_same_log_and_inventory_give_the_same_score(
    read: Callable[..., Log], assessed: Callable[..., Assessment]
) -> None:
    rows, _ = fresh(cases=250)
    log = read(rows)
    first, second = assessed(log), assessed(log)
    assert first.inputs["inventory"] == second.inputs["inventory"]
    for name in ("conformance", "decisions", "graph", "variants", "systems"):
        assert first.results[name] == second.results[name]
    assert first.readiness == pytest.approx(second.readiness, abs=1e-3)  # it aged by a moment


def ready_log(read: Callable[..., Log], process: Process) -> Log:
    described(process)
    rows, _ = fresh(cases=600, **CLEAN)
    return read(rows)


def test_a_higher_level_waits_for_the_council_and_a_lower_one_holds_at_once(
    read: Callable[..., Log],
    assessed: Callable[..., Assessment],
    process: Process,
    member: User,
) -> None:
    good = assessed(ready_log(read, process))
    assert good.blocked == []
    assert good.level >= Level.PARTLY
    assert process.level == Level.UNKNOWN  # nobody accepted it
    directory.bump()
    before = ReadinessStamp.objects.get().number
    levels.accept(actor=member, assessment=good, reason="Read and understood.")
    assert directory.standings()["invoices"].level == good.level
    assert ReadinessStamp.objects.get().number != before
    rows, _ = fresh(cases=250)
    worse = assessed(read(rows))
    assert process.level == worse.level == Level.NOT_YET
    with pytest.raises(Conflict, match="newer"):
        levels.accept(actor=member, assessment=good, reason="Again.")


def test_the_same_level_again_is_no_move(
    read: Callable[..., Log], assessed: Callable[..., Assessment], process: Process
) -> None:
    rows, _ = fresh(cases=250)
    log = read(rows)
    first = assessed(log)
    assessed(log)
    assert process.level_from == first.number
    assert LedgerEvent.objects.filter(type="readiness.level_moved").count() == 1


def test_who_accepts_a_level(
    read: Callable[..., Log],
    assessed: Callable[..., Assessment],
    process: Process,
    operator: User,
    approver: User,
    stranger: User,
    member: User,
) -> None:
    good = assessed(ready_log(read, process))
    for nobody in (operator, approver, stranger):
        with pytest.raises(NotPermitted):
            levels.accept(actor=nobody, assessment=good, reason="Mine.")
    process.owner = member
    process.save()
    with pytest.raises(NotPermitted, match="owns the process"):
        levels.accept(actor=member, assessment=good, reason="Mine.")


def test_a_level_is_not_accepted_without_a_reason_twice_or_when_it_is_old(
    read: Callable[..., Log],
    assessed: Callable[..., Assessment],
    process: Process,
    member: User,
) -> None:
    good = assessed(ready_log(read, process))
    with pytest.raises(Invalid):
        levels.accept(actor=member, assessment=good, reason=" ")
    Assessment.objects.filter(pk=good.pk).update(created_at=now() - dt.timedelta(days=91))
    with pytest.raises(Conflict, match="older"):
        levels.accept(actor=member, assessment=good, reason="Late.")
    Assessment.objects.filter(pk=good.pk).update(created_at=now())
    levels.accept(actor=member, assessment=good, reason="Now.")
    with pytest.raises(Conflict):
        levels.accept(actor=member, assessment=good, reason="Twice.")


def test_a_part_of_the_time_compares_and_moves_no_level(
    read: Callable[..., Log], assessed: Callable[..., Assessment], process: Process
) -> None:
    rows, _ = fresh(cases=300)
    log = read(rows)
    half = log.first_at + (log.last_at - log.first_at) / 2
    part = assessed(log, until=half)
    assert process.level == Level.UNKNOWN
    whole = assessed(log)
    assert 0 < part.results["graph"]["cases"] < whole.results["graph"]["cases"]
    assert process.level == Level.NOT_YET


def test_without_a_log_countersigned_answers_count_and_too_few_cases_block(
    assessed: Callable[..., Assessment],
    process: Process,
    operator: User,
    owner: User,
    member: User,
) -> None:
    with pytest.raises(Invalid, match="nothing to measure by"):
        assessing.ask_for_assessment(actor=operator, process=process, log=None)
    Interview.objects.create(
        number=1001,
        process=process,
        status=InterviewStatus.COUNTERSIGNED,
        answers=dict.fromkeys(questions.KEYS, 3),
        answered_by=owner,
        answered_at=now(),
        judged_by=member,
        judged_at=now(),
    )
    found = assessed(None)
    assert found.grades == "CCCCCCCA"
    assert found.blocked == ["data", "cases"]
    assert found.level == Level.NOT_YET


def test_a_log_of_another_process_is_refused(
    read: Callable[..., Log], process: Process, operator: User, owner: User
) -> None:
    rows, _ = fresh(cases=20)
    log = read(rows)
    other = Process(
        slug="other", name="Other", purpose="-", department=process.department, created_at=now()
    )
    other.save()
    with pytest.raises(Invalid):
        assessing.ask_for_assessment(actor=operator, process=other, log=log)


def test_a_documented_rule_takes_the_place_of_the_tree(
    read: Callable[..., Log], assessed: Callable[..., Assessment], process: Process
) -> None:
    rows, _ = fresh(cases=600)
    log = read(rows)
    before = assessed(log)
    process.rules.create(
        kind="decision",
        body={
            "at": "Route invoice",
            "when": [{"field": "amount", "test": "over", "value": 5000}],
            "then": "Approve by manager",
            "otherwise": "Approve by clerk",
        },
    )
    process.rules.create(
        kind="decision",
        body={
            "at": "Nowhere",
            "when": [{"field": "amount", "test": "over", "value": 5}],
            "then": "A",
            "otherwise": "B",
        },
    )
    process.rules.create(
        kind="precedence", body={"first": "Route invoice", "second": "Pay invoice"}
    )
    after = assessed(log)
    replay = after.results["replays"][0]
    assert replay["share"] > 0.95
    assert "Nowhere" in after.results["unread_rules"][0]
    assert after.results["constraints"][0]["violated"] > 0
    assert before.inputs["inventory"] != after.inputs["inventory"]


def test_sanctioning_the_systems_is_what_the_gate_asks_for(
    read: Callable[..., Log], assessed: Callable[..., Assessment], process: Process
) -> None:
    for name in ("phone", "spreadsheet"):
        System.objects.create(name=name, access="none", sanctioned=True)
    described(process)
    rows, _ = fresh(cases=300)
    found = assessed(read(rows))
    assert "systems" not in found.blocked
