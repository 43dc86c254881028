"""Runs that survive what happens to workers, messages, agents and people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import vote
from apps.approvals.tasks import sweep as approvals_sweep
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.orchestration import definitions, messages
from apps.orchestration.definitions import Finish, RunState, StepSpec, Unresolved, resolve
from apps.orchestration.models import Outbox, Run, Step
from apps.orchestration.rules import backoff, idempotency_key, looping
from apps.orchestration.services import (
    advance,
    cancel_run,
    claim_step,
    continue_run,
    drain,
    install_workflow,
    pause_run,
    perform_step,
    renew_lease,
    requeue_step,
    resolve_in_doubt,
    start_run,
    sweep,
)
from apps.registry.models import Agent
from apps.registry.services import register_tool, resume_agent, suspend_agent
from apps.runtime import toolbox
from apps.runtime.models import Action, Effect
from tests.orchestration.conftest import Stocking, due, fresh
from tests.support import SPEC, Shelf, Unavailable


class WorkerDied(BaseException):
    """What kill -9 looks like from inside: nothing after it runs."""


def test_a_run_goes_from_its_trigger_to_its_end(begin: Any, shelf: Shelf) -> None:
    run = begin()
    assert drain() == 2
    assert (fresh(run).status, run.sentence) == ("succeeded", "Both are on the shelf.")
    assert shelf.stock == {"book": 3, "pen": 3}


def test_the_same_trigger_starts_one_run(begin: Any) -> None:
    assert begin(dedupe_key="k").pk == begin(dedupe_key="k").pk


def test_an_unknown_workflow_is_refused(ready: Agent) -> None:
    with pytest.raises(Invalid):
        start_run(workflow="nothing", trigger={}, subject="")


def test_two_messages_for_one_step_do_the_work_once(begin: Any, shelf: Shelf) -> None:
    run = begin()
    advance(run.pk)
    advance(run.pk)
    step = run.steps.get()
    first, second = claim_step(step.pk, "a"), claim_step(step.pk, "b")
    assert first is not None
    assert second is None
    perform_step(first)
    assert shelf.stock == {"book": 3}


def test_with_every_message_lost_the_run_still_ends(
    begin: Any, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker was emptied: the sweep's own messages are all there is."""
    sent: list[tuple[str, Any]] = []

    def send(row: int | None, kind: str, ref: Any) -> bool:
        sent.append((kind, ref))
        if row is not None:
            Outbox.objects.filter(pk=row).delete()
        return True

    monkeypatch.setattr(messages, "send_later", send)
    run = begin()
    for _ in range(8):
        sent.clear()
        due()
        sweep()
        for kind, ref in list(sent):
            if kind == "advance":
                advance(ref)
            elif (step := claim_step(ref, "w")) is not None:
                perform_step(step)
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 3, "pen": 3}


def die(before: bool, shelf: Shelf) -> None:
    original = shelf.perform

    def perform(call: Any) -> Any:
        shelf.perform = original  # type: ignore[method-assign]
        if not before:
            original(call)
        raise WorkerDied

    shelf.perform = perform  # type: ignore[method-assign]


def first_step(run: Run) -> Step:
    advance(run.pk)
    step = claim_step(run.steps.get().pk, "w")
    assert step is not None
    return step


@pytest.mark.parametrize("before", [True, False])
def test_a_death_during_an_outside_effect_is_in_doubt_and_a_person_settles_it(
    begin: Any, shelf: Shelf, operator: User, *, before: bool
) -> None:
    run = begin()
    die(before, shelf)
    with pytest.raises(WorkerDied):
        perform_step(first_step(run))
    due()
    sweep()
    drain()
    step = run.steps.get()
    assert step.status == "in_doubt"
    assert shelf.stock.get("book", 0) == (0 if before else 3)
    resolve_in_doubt(actor=operator, step=step, happened=not before, reason="Counted.")
    if not before:
        Step.objects.filter(pk=step.pk).update(result={"total": 3})
    drain()
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 3, "pen": 3}


@pytest.mark.parametrize("before", [True, False])
def test_a_death_during_an_effect_in_our_own_database_leaves_nothing_or_all(
    begin: Any, shelf: Shelf, *, before: bool
) -> None:
    shelf.transactional = True
    run = begin()
    stock = dict(shelf.stock)
    die(before, shelf)
    with pytest.raises(WorkerDied):
        perform_step(first_step(run))
    # The rolled-back transaction takes the rows with it; this shelf is memory, so by hand.
    shelf.stock = stock
    due()
    sweep()
    drain()
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 3, "pen": 3}
    assert Effect.objects.filter(status="done").count() == 2


def test_a_late_worker_writes_nothing_after_its_lease(begin: Any, shelf: Shelf) -> None:
    shelf.transactional = True
    run = begin()
    late = first_step(run)
    due()
    sweep()
    assert not renew_lease(late.pk, late.fence) or fresh(run.steps.get()).status == "ready"
    again = claim_step(late.pk, "other")
    assert again is not None
    assert perform_step(late) is None
    assert shelf.stock == {}
    perform_step(again)
    assert shelf.stock == {"book": 3}


def test_a_failure_is_tried_again_and_the_last_one_waits_for_a_person(
    begin: Any, shelf: Shelf, operator: User, auditor: User
) -> None:
    run = begin()
    for _ in range(2):
        shelf.trouble = Unavailable("Down.", 0.1)
        drain()
        Effect.objects.all().delete()
        due()
        sweep()
    step = run.steps.get()
    assert (step.status, step.attempt) == ("dead", 2)
    with pytest.raises(NotPermitted):
        requeue_step(actor=auditor, step=step, reason="x")
    requeue_step(actor=operator, step=step, reason="It is up again.")
    drain()
    assert fresh(run).status == "succeeded"


def test_nothing_waits_in_a_worker_and_the_run_goes_on_after_the_yes(
    begin: Any, shelf: Shelf, approver: User
) -> None:
    run = begin(amount=11)
    drain()
    assert (fresh(run).status, run.wait_reason) == ("waiting", "approval")
    say(approver, "approve")
    drain()
    # The second step puts the first one's total, which is above ten as well.
    assert shelf.stock == {"book": 11}
    say(approver, "approve")
    drain()
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 11, "pen": 11}


def say(person: User, choice: str) -> None:
    request = ApprovalRequest.objects.get(status="pending")
    vote(
        actor=person,
        request_id=request.pk,
        choice=choice,
        reason="Looked.",
        digest=request.action_digest,
    )


def test_a_no_ends_the_run_with_the_reason(begin: Any, shelf: Shelf, approver: User) -> None:
    run = begin(amount=11)
    drain()
    say(approver, "reject")
    drain()
    assert (fresh(run).status, run.outcome, run.sentence) == ("failed", "rejected", "Looked.")
    assert shelf.stock == {}


def test_what_is_sent_back_is_tried_at_most_twice_more(
    begin: Any, shelf: Shelf, approver: User
) -> None:
    run = begin(amount=11)
    for _ in range(3):
        drain()
        say(approver, "return")
    drain()
    assert not ApprovalRequest.objects.filter(status="pending").exists()
    assert run.steps.filter(key="first").count() == 3
    assert shelf.stock == {}


@pytest.mark.parametrize("signal_lost", [False, True])
def test_a_suspended_agent_pauses_its_runs_and_asks_afresh_when_it_is_back(
    begin: Any,
    shelf: Shelf,
    operator: User,
    ready: Agent,
    django_capture_on_commit_callbacks: Any,
    *,
    signal_lost: bool,
) -> None:
    run = begin(amount=11)
    drain()
    old = ApprovalRequest.objects.get()
    with django_capture_on_commit_callbacks(execute=not signal_lost):
        in_flight = suspend_agent(actor=operator, agent=ready, reason="Odd")
    assert {item.kind for item in in_flight} >= {"request"}
    if signal_lost:
        approvals_sweep()
        sweep()
    assert fresh(run).status == "paused"
    assert fresh(old).status == "cancelled"
    assert drain() == 0
    with django_capture_on_commit_callbacks(execute=not signal_lost):
        resume_agent(actor=operator, agent=fresh(ready), reason="Looked into it")
    if signal_lost:
        sweep()
    drain()
    new = ApprovalRequest.objects.get(status="pending")
    assert new.pk != old.pk
    assert shelf.stock == {}


def test_an_agent_suspended_between_two_steps_does_not_take_the_second(
    begin: Any,
    shelf: Shelf,
    operator: User,
    ready: Agent,
    django_capture_on_commit_callbacks: Any,
) -> None:
    run = begin()
    perform_step(first_step(run))
    advance(run.pk)
    with django_capture_on_commit_callbacks(execute=True):
        suspend_agent(actor=operator, agent=ready, reason="Odd")
    assert drain() == 0
    assert shelf.stock == {"book": 3}
    assert fresh(run).status == "paused"


def test_a_person_pauses_continues_and_cancels(
    begin: Any, shelf: Shelf, operator: User, stranger: User
) -> None:
    run = begin()
    advance(run.pk)
    fresh(run)
    with pytest.raises(NotPermitted):
        pause_run(actor=stranger, run=run, reason="x")
    pause_run(actor=operator, run=run, reason="Wait")
    assert drain() == 0
    continue_run(actor=operator, run=fresh(run), reason="Go")
    cancel_run(actor=operator, run=fresh(run), reason="No more")
    drain()
    assert shelf.stock == {}
    assert fresh(run).status == "cancelled"
    with pytest.raises(Conflict):
        cancel_run(actor=operator, run=run, reason="Again")


def test_a_run_that_goes_in_circles_is_stopped_until_a_person_lets_it_go_on(
    ready: Agent, shelf: Shelf, operator: User
) -> None:
    class Circling(Stocking):
        slug = "circling"

        def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
            return [
                StepSpec(f"again-{len(state.steps)}", "clerk", "shelf.count", {"thing": "b"}, "x")
            ]

    class Counter(Shelf):
        def perform(self, call: Any) -> Any:
            self.calls += 1
            return toolbox.Effected({})

        def facts(self, tool: str, arguments: Any) -> dict[str, Any]:
            return {}

    schema = {
        "type": "object",
        "properties": {"thing": {"type": "string"}},
        "required": ["thing"],
        "additionalProperties": False,
    }
    spec = replace(
        SPEC,
        name="shelf.count",
        effect="read",
        compensation="",
        resource_keys=(),
        input_schema=schema,
        output_schema={"type": "object"},
    )
    counter = Counter(spec)
    toolbox.register(counter)
    from apps.registry.services import grant

    made = register_tool(actor=None, spec=spec)
    grant(
        actor=None,
        agent=ready,
        tool=made,
        expires_at=now() + dt.timedelta(days=1),
        reason="x",
    )
    definitions.register(Circling())
    install_workflow(definition=Circling())
    run = start_run(workflow="circling", trigger={}, subject="x")
    drain()
    assert (fresh(run).status, run.wait_reason) == ("paused", "loop")
    assert counter.calls == 3
    continue_run(actor=operator, run=run, reason="It counts people who come in.")
    drain()
    assert (fresh(run).status, run.wait_reason) == ("paused", "loop")
    assert counter.calls == 6


@given(st.integers(0, 40), st.floats(0, 0.999), st.none() | st.floats(0, 1000))
def test_a_wait_is_bounded_and_never_shorter_than_asked(
    attempt: int, chance: float, asked: float | None
) -> None:
    wait = backoff(attempt, chance, asked)
    assert 0 <= wait <= max(300.0, asked or 0)
    assert wait >= (asked or 0)


@given(st.lists(st.sampled_from("abc"), max_size=14))
def test_a_loop_is_a_cycle_of_at_most_four_three_times_over(trail: list[str]) -> None:
    expected = any(
        len(trail) >= 3 * n and trail[-3 * n : -2 * n] == trail[-2 * n : -n] == trail[-n:]
        for n in (1, 2, 3, 4)
    )
    assert looping(trail) == expected


def test_keys_differ_by_run_step_and_plan() -> None:
    keys = {idempotency_key(r, s, p) for r in "ab" for s in "cd" for p in (1, 2)}
    assert len(keys) == 8


def test_an_argument_that_no_step_gives_is_an_error() -> None:
    assert resolve({"a": [{"$from": "s.x.y"}]}, {"s": {"x": {"y": 4}}}) == {"a": [4]}
    with pytest.raises(Unresolved):
        resolve({"$from": "s.x"}, {"s": {}})


def test_the_pages_show_a_run_to_those_who_may(
    begin: Any, operator: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    run = begin()
    drain()
    fresh(run)
    assert "Put a book" in signed_in(operator).get(f"/runs/R-{run.number}").content.decode()
    assert signed_in(stranger).get(f"/runs/R-{run.number}").status_code == 404
    assert signed_in(stranger).get("/runs/").status_code == 404
    assert Action.objects.count() == 2
