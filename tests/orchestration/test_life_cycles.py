"""The tables of runtime.md 4.3 and 4.4, edge by edge, with what deviates on purpose (decision
0013), and no way around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.common.clock import now
from apps.orchestration.definitions import Finish, RunState
from apps.orchestration.models import Run, Step
from apps.orchestration.rules import NEVER, fate, standstill
from apps.orchestration.services import advance, cancel_run, drain
from apps.orchestration.services.moves import move_run, move_step
from apps.orchestration.states import (
    ENDED_RUNS,
    ENDED_STEPS,
    OPEN_STEPS,
    RUN_MOVES,
    STEP_MOVES,
    RunStatus,
    StepStatus,
)
from tests.orchestration.conftest import fresh, put
from tests.support import Rejected, Shelf

DESIGNED_RUNS = """
queued planning | planning running waiting failed | running waiting | waiting running
queued paused cancelled | planning paused cancelled | running planning | waiting planning
running paused | waiting paused | paused running cancelled | running succeeded | waiting succeeded
running compensating failed cancelled | waiting compensating failed cancelled
paused compensating cancelled | compensating rolled_back stuck | stuck compensating failed
"""
DESIGNED_STEPS = """
planned ready skipped cancelled
ready awaiting_approval denied awaiting_resource retry_wait running
awaiting_approval ready denied returned expired cancelled | awaiting_resource ready
running succeeded retry_wait dead failed in_doubt ready | in_doubt succeeded ready failed
dead ready | running skipped | succeeded compensating | compensating compensated compensation_failed
"""
# The plan is made by a pure function under the run's lock: nobody could ever see `planning`.
NOT_HERE_RUNS = {
    ("queued", "planning"), ("planning", "running"), ("planning", "waiting"),
    ("planning", "failed"), ("planning", "paused"), ("planning", "cancelled"),
    ("running", "planning"), ("waiting", "planning"),
}  # fmt: skip
ADDED_RUNS = {
    ("queued", "running"),
    ("succeeded", "compensating"),
    ("failed", "compensating"),
}
# A verdict is given to a step that is running; people's answers are judged again at the gate.
NOT_HERE_STEPS = {
    ("ready", "awaiting_approval"), ("ready", "denied"), ("ready", "retry_wait"),
    ("awaiting_approval", "denied"), ("awaiting_approval", "returned"),
    ("awaiting_approval", "expired"),
}  # fmt: skip
ADDED_STEPS = {
    ("running", "awaiting_approval"), ("running", "denied"), ("running", "rejected"),
    ("running", "returned"), ("running", "expired"),
    ("ready", "cancelled"), ("awaiting_resource", "cancelled"), ("retry_wait", "ready"),
    ("retry_wait", "cancelled"), ("dead", "cancelled"), ("compensation_failed", "compensating"),
}  # fmt: skip


def edges(table: str) -> set[tuple[str, str]]:
    lines = [line.split() for part in table.strip().splitlines() for line in part.split("|")]
    return {(start, end) for start, *ends in lines for end in ends}


def moves(table: dict[str, tuple[str, ...]]) -> set[tuple[str, str]]:
    return {(str(start), str(end)) for start, ends in table.items() for end in ends}


@pytest.mark.parametrize(
    ("designed", "table", "left_out", "added"),
    [
        (DESIGNED_RUNS, RUN_MOVES, NOT_HERE_RUNS, ADDED_RUNS),
        (DESIGNED_STEPS, STEP_MOVES, NOT_HERE_STEPS, ADDED_STEPS),
    ],
)
def test_the_tables_are_the_designs_but_for_what_is_written_down(
    designed: str, table: Any, left_out: set[Any], added: set[Any]
) -> None:
    assert left_out <= edges(designed)
    assert not added & edges(designed)
    assert moves(table) == (edges(designed) - left_out) | added


@pytest.mark.parametrize(("table", "statuses"), [(RUN_MOVES, RunStatus), (STEP_MOVES, StepStatus)])
def test_every_state_is_known_and_can_be_reached_and_left_but_for_the_ends(
    table: Any, statuses: Any
) -> None:
    assert set(table) == set(statuses.values)
    start = {"queued"} if statuses is RunStatus else {"planned", "ready"}
    seen, new = set(start), set(start)
    while new:
        new = {end for one in new for end in table[one]} - seen
        seen |= new
    assert seen == set(statuses.values)


@pytest.fixture
def run(begin: Callable[..., Run]) -> Run:
    made = begin()
    advance(made.pk)
    return fresh(made)  # type: ignore[no-any-return]


quietly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quietly
@given(walk=st.lists(st.sampled_from(StepStatus), max_size=12), stale=st.integers(0, 3))
def test_no_walk_of_a_step_leaves_the_table_and_no_stale_fence_moves_it(
    run: Run, walk: list[StepStatus], stale: int
) -> None:
    step = run.steps.get()
    where, lease = str(step.status), now()
    for target in walk:
        late = Step.objects.get(pk=step.pk)
        late.fence += stale
        allowed = target in STEP_MOVES[where] and stale == 0
        moved = move_step(late, target, lease_until=lease)
        assert moved == allowed
        where = str(target) if allowed else where
        assert fresh(step).status == where
    Step.objects.filter(pk=step.pk).update(status="ready")


@quietly
@given(walk=st.lists(st.sampled_from(RunStatus), max_size=12))
def test_no_walk_of_a_run_leaves_the_table_and_an_end_has_a_time(
    run: Run, walk: list[RunStatus]
) -> None:
    where = str(fresh(run).status)
    for target in walk:
        allowed = target in RUN_MOVES[where]
        assert move_run(Run.objects.get(pk=run.pk), target) == allowed
        where = str(target) if allowed else where
        assert fresh(run).status == where
        assert run.ended_at is not None or where not in ENDED_RUNS
    Run.objects.filter(pk=run.pk).update(status="running")


@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(StepStatus.values)))
def test_a_planned_step_goes_when_all_before_it_succeeded_and_never_when_one_did_not(
    statuses: dict[str, str],
) -> None:
    needs = ["a", "b", "c"]
    to, sentence = fate(needs, statuses)
    known = [statuses[key] for key in needs if key in statuses]
    if any(status in NEVER for status in known):
        assert to == "skipped"
        assert sentence
    else:
        assert (to == "ready") == all(status == "succeeded" for status in known)


def test_what_never_succeeds_is_every_end_but_success_and_what_is_planned_anew() -> None:
    assert set(NEVER) == {str(status) for status in ENDED_STEPS} - {"succeeded", "returned"}


@given(st.sets(st.sampled_from(StepStatus.values)))
def test_a_run_stands_still_only_where_no_step_can_move(statuses: set[str]) -> None:
    target, reason = standstill(statuses)
    assert (target == "running") == bool(statuses & {"ready", "running"})
    assert (target == "") == (not statuses & {str(status) for status in OPEN_STEPS})
    assert bool(reason) == (target == "waiting")


def three(state: RunState) -> Any:
    """A plan that is known as a whole from the start."""
    if state.done("c") or (state.ended("b") and not state.done("b")):
        return Finish("over", "Over.", failed=not state.done("c"))
    return [
        put("a", "book", 2),
        put("b", "pen", {"$from": "a.total"}),
        put("c", "cup", 1, after=("a", "b")),
    ]


def test_a_whole_plan_goes_in_the_order_of_its_dependencies(
    workflow: Callable[..., Run], shelf: Shelf
) -> None:
    run = workflow(three)
    advance(run.pk)
    assert dict(run.steps.values_list("key", "status")) == {
        "a": "ready",
        "b": "planned",
        "c": "planned",
    }
    drain()
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 2, "pen": 2, "cup": 1}


def test_what_hangs_on_a_step_that_failed_is_skipped_with_the_reason(
    workflow: Callable[..., Run], shelf: Shelf
) -> None:
    run = workflow(three)
    shelf.trouble = Rejected("No books today.")
    drain()
    assert fresh(run).status == "failed"
    skipped = run.steps.get(key="b")
    assert (skipped.status, skipped.code) == ("skipped", "dependency")
    assert skipped.error == "The step a before it was not done."
    assert run.steps.get(key="c").status == "skipped"
    assert shelf.stock == {}


def test_cancelling_skips_what_was_only_planned(
    workflow: Callable[..., Run], shelf: Shelf, operator: Any
) -> None:
    run = workflow(three)
    advance(run.pk)
    cancel_run(actor=operator, run=fresh(run), reason="No more.")
    assert set(run.steps.values_list("status", flat=True)) == {"cancelled", "skipped"}
