"""Taking back what a run did: steps of their own, newest first, and a person where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.errors import Conflict, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.orchestration.definitions import Finish, RunState
from apps.orchestration.models import Run
from apps.orchestration.queries import attention
from apps.orchestration.services import (
    claim_step,
    drain,
    end_stuck,
    leave_standing,
    perform_step,
    resolve_in_doubt,
    retry_undo,
    roll_back,
    sweep,
)
from apps.registry.models import Agent
from apps.registry.services import suspend_agent
from apps.runtime.models import Action, Effect
from tests.orchestration.conftest import due, fresh, put
from tests.support import Shelf, Unavailable


class WorkerDied(BaseException):
    pass


@pytest.fixture
def done(begin: Callable[..., Run]) -> Run:
    run = begin()
    drain()
    return fresh(run)  # type: ignore[no-any-return]


def undone(run: Run, operator: User) -> Run:
    roll_back(actor=operator, run=run, reason="Wrong shelf")
    drain()
    return fresh(run)  # type: ignore[no-any-return]


def test_nothing_is_undone_in_the_request_and_then_the_newest_first(
    done: Run, shelf: Shelf, operator: User
) -> None:
    order: list[str] = []
    original = shelf.undo

    def undo(call: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        order.append(call.arguments["thing"])
        original(call, before, after)

    shelf.undo = undo  # type: ignore[method-assign]
    roll_back(actor=operator, run=done, reason="Wrong shelf")
    assert fresh(done).status == "compensating"
    assert order == []
    drain()
    assert fresh(done).status == "rolled_back"
    assert order == ["pen", "book"]
    assert shelf.stock == {"book": 0, "pen": 0}
    undoing = done.steps.get(key="undo second")
    assert (undoing.status, undoing.compensates) == ("succeeded", done.steps.get(key="second"))
    assert undoing.idem_key != done.steps.get(key="second").idem_key
    assert {step.status for step in done.steps.filter(compensates=None)} == {"compensated"}


def test_what_somebody_changed_since_stops_the_undoing_at_a_person(
    done: Run, shelf: Shelf, operator: User
) -> None:
    shelf.stock["pen"] = 77
    run = undone(done, operator)
    assert run.status == "stuck"
    assert shelf.stock == {"book": 3, "pen": 77}, "what is older waits for the person's word"
    stuck = run.steps.get(key="second")
    assert stuck.status == "compensation_failed"
    assert stuck.error == "Somebody changed the stock since."
    assert [item.name for item in attention(operator)] == ["Put a pen"]
    assert LedgerEvent.objects.filter(type="action.undo_refused").count() == 1


def test_a_person_tries_again_once_the_way_is_free(
    done: Run, shelf: Shelf, operator: User, stranger: User
) -> None:
    shelf.stock["pen"] = 77
    run = undone(done, operator)
    with pytest.raises(NotPermitted):
        retry_undo(actor=stranger, run=run, reason="x")
    shelf.stock["pen"] = 3
    retry_undo(actor=operator, run=run, reason="Put back by hand.")
    drain()
    assert fresh(run).status == "rolled_back"
    assert shelf.stock == {"book": 0, "pen": 0}
    assert run.steps.filter(compensates=run.steps.get(key="second")).count() == 2


def test_a_person_leaves_what_stands_and_the_older_is_undone(
    done: Run, shelf: Shelf, operator: User
) -> None:
    shelf.stock["pen"] = 77
    run = undone(done, operator)
    leave_standing(actor=operator, run=run, reason="Sold already.")
    drain()
    assert shelf.stock == {"book": 0, "pen": 77}
    assert fresh(run).status == "stuck", "not all of it is gone, so it is not called rolled back"
    assert attention(operator) == []
    end_stuck(actor=operator, run=run, reason="The pens are sold.")
    assert (fresh(run).status, run.sentence) == ("failed", "The pens are sold.")
    with pytest.raises(Conflict):
        leave_standing(actor=operator, run=run, reason="Again")


def test_an_undo_that_finds_nobody_home_is_tried_again_and_gives_up_to_a_person(
    done: Run, shelf: Shelf, operator: User
) -> None:
    original = shelf.undo

    def down(*args: Any) -> None:
        raise Unavailable("Down.", 0.1)

    shelf.undo = down  # type: ignore[method-assign]
    run = undone(done, operator)
    undoing = run.steps.get(key="undo second")
    assert (run.status, undoing.status) == ("compensating", "retry_wait")
    for _ in range(6):
        due()
        sweep()
        drain()
    assert (fresh(run).status, fresh(undoing).status) == ("stuck", "dead")
    shelf.undo = original  # type: ignore[method-assign]
    retry_undo(actor=operator, run=run, reason="It is up again.")
    drain()
    assert fresh(run).status == "rolled_back"


@pytest.mark.parametrize("happened", [True, False])
def test_an_undo_that_died_half_way_is_never_taken_for_done_or_undone_by_itself(
    done: Run, shelf: Shelf, operator: User, *, happened: bool
) -> None:
    original = shelf.undo

    def undo(call: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        shelf.undo = original  # type: ignore[method-assign]
        original(call, before, after)
        raise WorkerDied

    shelf.undo = undo  # type: ignore[method-assign]
    with pytest.raises(WorkerDied):
        undone(done, operator)
    if not happened:
        shelf.stock["pen"] = 50
    due()
    sweep()
    drain()
    step = done.steps.get(key="undo second")
    assert step.status == "in_doubt"
    assert fresh(done).status == "stuck"
    if not happened:
        shelf.stock["pen"] = 3
    resolve_in_doubt(actor=operator, step=step, happened=happened, reason="Counted.")
    drain()
    assert fresh(done).status == "rolled_back"
    assert shelf.stock == {"book": 0, "pen": 0}
    assert Effect.objects.filter(status="undone").count() == 2


def test_a_late_worker_undoes_nothing_after_its_lease(
    done: Run, shelf: Shelf, operator: User
) -> None:
    shelf.transactional = True
    roll_back(actor=operator, run=done, reason="Wrong shelf")
    sweep_once(done)
    late = claim_step(done.steps.get(key="undo second").pk, "late")
    assert late is not None
    due()
    sweep()
    assert perform_step(late) is None
    assert shelf.stock == {"book": 3, "pen": 3}
    drain()
    assert fresh(done).status == "rolled_back"


def sweep_once(run: Run) -> None:
    from apps.orchestration.services import advance

    advance(run.pk)


def test_the_work_of_a_suspended_agent_can_be_undone(
    done: Run, shelf: Shelf, operator: User, ready: Agent
) -> None:
    suspend_agent(actor=operator, agent=ready, reason="Odd")
    assert undone(done, operator).status == "rolled_back"
    assert shelf.stock == {"book": 0, "pen": 0}


def test_an_open_question_is_withdrawn_before_anything_is_undone(
    begin: Callable[..., Run], shelf: Shelf, operator: User
) -> None:
    run = begin(amount=6)
    drain()
    shelf.stock["pen"] = 0
    run = begin(amount=11)
    drain()
    assert fresh(run).status == "waiting"
    assert undone(run, operator).status == "rolled_back"
    assert Action.objects.get(run_id=run.pk).approval_id is not None
    assert run.steps.get().status == "cancelled"


def test_a_workflow_may_ask_for_its_own_undoing(workflow: Callable[..., Run], shelf: Shelf) -> None:
    def decide(state: RunState) -> Any:
        if not state.done("a"):
            return [put("a", "book", 4)]
        return Finish("no_room", "There is no room after all.", failed=True, undo=True)

    run = workflow(decide)
    drain()
    assert (fresh(run).status, run.sentence) == ("rolled_back", "There is no room after all.")
    assert shelf.stock == {"book": 0}


def test_the_page_shows_what_is_undone_and_what_a_stuck_run_needs(
    done: Run,
    shelf: Shelf,
    operator: User,
    stranger: User,
    signed_in: Callable[[User], Client],
) -> None:
    page = f"/runs/R-{done.number}"
    asked = signed_in(operator).post(f"{page}/roll-back", {"reason": "Wrong"}, follow=True)
    assert "Take back: Put a pen" not in asked.content.decode()
    shelf.stock["pen"] = 77
    drain()
    shown = signed_in(operator).get(page).content.decode()
    assert "Take back: Put a pen" in shown
    for words in ("Try to undo again", "Go on without", "End as failed"):
        assert words in shown
    assert signed_in(operator).get(f"{page}/leave").status_code == 200
    assert signed_in(stranger).post(f"{page}/leave", {"reason": "x"}).status_code == 404
    signed_in(operator).post(f"{page}/end", {"reason": "Sold."})
    assert fresh(done).status == "failed"
