"""Of each process that the generators know, the analysis recovers what was planted."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.readiness import measuring, outline
from apps.readiness.mining import conformance, decisions, documented, generate
from apps.readiness.mining.generate import expenses, invoices, onboarding
from apps.readiness.mining.readers import read_log

PROCESSES = {"invoices": invoices, "onboarding": onboarding, "expenses": expenses}
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
PLANTED = {
    "invoices": (
        {"Call vendor": "called", "Check in spreadsheet": "sheet"},
        {"Match purchase order": "sheet"},
        "Approve by manager",
    ),
    "onboarding": (
        {"Call reference": "called", "Note in spreadsheet": "sheet"},
        {"Check bank account": "unchecked"},
        "Assess risk",
    ),
    "expenses": (
        {"Ask in chat": "chatted"},
        {"Check against policy": "unchecked"},
        "Review by manager",
    ),
}


@pytest.fixture(scope="module", params=PROCESSES)
def made(request: Any) -> tuple[str, Any, Any]:
    return (request.param, *PROCESSES[request.param].generate())


def test_shadow_work_and_the_skipped_control_are_recovered_to_the_case(made: Any) -> None:
    name, log, truth = made
    shadow, skipped, _ = PLANTED[name]
    found = conformance.conformance(log, documented.from_steps(PROCESSES[name].STEPS))
    assert found.not_computed_cases == 0
    assert {each.activity: each.cases for each in found.shadow_work} == {
        activity: getattr(truth, planted) for activity, planted in shadow.items()
    }
    assert {each.activity: each.cases for each in found.skipped_controls} == {
        activity: getattr(truth, planted) for activity, planted in skipped.items()
    }


def test_the_decision_that_hangs_on_the_person_is_recovered(made: Any) -> None:
    name, log, truth = made
    found = decisions.mine(log)
    by_person = {each.activity for each in found.points if each.verdict == "person_dependent"}
    assert by_person == {PLANTED[name][2]}
    strict = PROCESSES[name].STRICT
    at_point = log.frame.filter(
        (log.frame["activity"].cast(str) == PLANTED[name][2]) & (log.frame["resource"] == strict)
    )
    assert at_point["case"].n_unique() >= truth.seen_by_strict > 100


def test_the_drawing_of_expense_claims_means_what_its_outline_means() -> None:
    log, _ = expenses.generate(expenses.Plan(cases=800, seed=4))
    drawn = conformance.conformance(log, documented.from_bpmn(expenses.bpmn().encode()))
    listed = conformance.conformance(log, documented.from_steps(expenses.STEPS))
    assert drawn.fitting_cases == listed.fitting_cases
    assert drawn.shadow_work == listed.shadow_work
    assert drawn.skipped_controls == listed.skipped_controls


def test_a_plan_gives_the_same_log_again_and_ends_when_it_is_told(made: Any) -> None:
    module = PROCESSES[made[0]]
    plan = replace(module.Plan(cases=120, seed=8), until=NOW)
    rows, _ = module.generated(plan)
    assert rows == module.generated(plan)[0]
    assert rows != module.generated(replace(plan, seed=9))[0]
    assert max(row["at"] for row in rows) == NOW


def test_a_file_of_it_is_read_without_telling_its_columns(made: Any, tmp_path: Path) -> None:
    name, log, truth = made
    file = tmp_path / "log.csv"
    began = time.perf_counter()
    file.write_bytes(generate.as_csv(PROCESSES[name].generated(PROCESSES[name].Plan())[0]))
    assert time.perf_counter() - began < 5  # about 0.2 s when nothing else runs
    read = read_log(file, name="log.csv")
    assert (read.cases, read.events) == (truth.cases, log.events)
    for column in ("resource", "team", "system"):
        assert read.frame[column].null_count() == 0
    assert not read.faults


def test_the_outline_of_every_process_can_be_written_and_read_again() -> None:
    for module in PROCESSES.values():
        assert outline.parse(outline.written(module.STEPS)) == list(module.STEPS)


def known(module: Any, **changes: Any) -> measuring.Known:
    """Described properly: everything that an inventory can say of it is said."""
    steps = tuple(
        (each.name, each.severity, each.undo == "tested", each.undo == "none", each.guarded)
        for each in module.ACTIVITIES
    )
    return measuring.Known(
        lawful=True, owned=True, procedure_on=NOW.date(), escalation=True, reviewers=True,
        volume=None, minutes=(5, 8, 12), steps=module.STEPS, systems=module.SYSTEMS,
        activities=steps, **changes,
    )  # fmt: skip


def measured(module: Any, **plan: Any) -> Any:
    log, _ = module.generate(replace(module.Plan(**plan), until=NOW))
    quiet: Any = lambda *words: None  # noqa: E731
    return measuring.measure(known(module), log, NOW, quiet, quiet).score


def test_expense_claims_are_ready_once_described_and_vendors_are_not() -> None:
    ready, far = measured(expenses), measured(onboarding)
    assert not ready.blocked
    assert ready.level == 4
    assert {gate.name for gate in far.blocked} == {"systems"}
    assert far.level == 1
    assert far.readiness < ready.readiness - 0.2
