"""A run belongs to the process that its workflow names, also while a question of it waits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest
from apps.orchestration import definitions
from apps.orchestration.definitions import Finish, StepSpec
from apps.orchestration.models import Run
from apps.orchestration.services import install_workflow, start_run
from apps.orchestration.services.sweeping import drain
from apps.readiness.models import Process
from apps.registry.models import Agent
from apps.runtime import gate, sampling
from apps.runtime.models import Action
from apps.runtime.rules import Outcome
from tests.runtime.bounds import (
    NUMBERS,
    action_of,
    approve,
    named,
    put,
)
from tests.support import Shelf

pytestmark = pytest.mark.django_db


class Putting:
    slug, title, version = "putting", "Putting", 1

    def next(self, state: Any) -> Any:
        if "put" in state.steps and state.ended("put"):
            return Finish(state.steps["put"].status, "It ended.")
        arguments = {"thing": state.trigger["thing"], "amount": 1}
        return [StepSpec("put", "clerk", "shelf.put", arguments)]


def run_of(agent: Agent, process: str, shelf: Shelf) -> str:
    definitions.register(Putting())
    workflow = install_workflow(definition=Putting())
    workflow.process = process
    workflow.save()
    # Whoever starts a run cannot name its process.
    trigger = {"thing": f"thing {next(NUMBERS)}", "process": "stocking"}
    start_run(workflow="putting", trigger=trigger, subject="Put")
    drain()
    run = Run.objects.order_by("-number")[0]
    assert action_of_run(run).trigger.get("process", "") == process
    return str(run.outcome)


def action_of_run(run: Run) -> Action:
    return Action.objects.filter(run_id=run.pk).order_by("-at")[0]


def test_the_lower_level_counts_where_workflow_and_permission_name_different_processes(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    process(4)
    process(1, "buying")
    named(ready)
    assert run_of(ready, "buying", shelf) == "denied"
    assert run_of(ready, "stocking", shelf) == "succeeded"
    named(ready, "buying")
    assert run_of(ready, "stocking", shelf) == "denied"
    named(ready, "")
    assert run_of(ready, "", shelf) == "succeeded"


def test_a_level_that_falls_while_a_question_waits_stops_the_approved_action(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], council: Any, chair: Any
) -> None:
    process(2)
    named(ready)
    outcome = put(ready)
    approve(outcome, chair)
    process(1)
    assert gate.resume(action_id=outcome.action_id).status == "denied"
    action = action_of(outcome)
    assert (action.status, action.code) == ("refused_stale", "readiness")
    assert shelf.calls == 0


def test_an_approval_is_not_used_at_another_level_without_being_judged_anew(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], council: Any, chair: Any
) -> None:
    process(2)
    named(ready)
    thing = next(
        name for name in (f"book {n}" for n in itertools.count()) if drawn_at_mostly(ready, name)
    )
    outcome = put(ready, thing)
    approve(outcome, chair)
    process(3)
    again = gate.resume(action_id=outcome.action_id)
    assert (again.status, again.code) == ("waiting", "stale")
    assert shelf.calls == 0


def drawn_at_mostly(agent: Agent, thing: str) -> bool:
    from apps.common.canonical import digest
    from apps.runtime.rules import intent

    wish = intent(agent.slug, "", "shelf.put", {"thing": thing, "amount": 1})
    return sampling.selected("readiness", digest(wish), 20)


def test_a_workflow_whose_process_is_named_while_a_question_waits_is_bound_by_it(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], approver: Any
) -> None:
    process(1)
    definitions.register(Putting())
    workflow = install_workflow(definition=Putting())
    start_run(workflow="putting", trigger={"thing": "anvil"}, subject="Put")
    Putting.next = heavy  # type: ignore[method-assign]
    drain()
    request = ApprovalRequest.objects.get()
    workflow.process = "stocking"
    workflow.save()
    action = Action.objects.get()

    class Held:
        fences: dict[str, int] = {}
        process = "stocking"

        def check(self) -> None: ...

        def settle(self, outcome: Outcome) -> None: ...

    approvals.vote(
        actor=approver, request_id=request.pk, choice="approve", reason="Looked at it.",
        digest=request.action_digest,
    )  # fmt: skip
    assert gate.resume(action_id=action.pk, work=Held()).status == "denied"
    assert shelf.calls == 0


def heavy(self: Any, state: Any) -> Any:
    if "put" in state.steps and state.ended("put"):
        return Finish(state.steps["put"].status, "It ended.")
    return [StepSpec("put", "clerk", "shelf.put", {"thing": "anvil", "amount": 11})]
