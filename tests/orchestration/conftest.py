"""A workflow of the tests' own: two things on the shelf, the second with the first one's total."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from apps.common.clock import now
from apps.orchestration import definitions
from apps.orchestration.definitions import Finish, RunState, StepSpec
from apps.orchestration.models import Outbox, Run, Step
from apps.orchestration.services import install_workflow, start_run
from apps.registry.models import Agent
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS


class Stocking:
    slug, title, version = "stocking", "Stocking", 1

    def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
        for key, thing in (("first", "book"), ("second", "pen")):
            if state.ended(key) and not state.done(key) and state.steps[key].status != "returned":
                return Finish(state.steps[key].status, state.steps[key].error, failed=True)
            if not state.done(key):
                amount: Any = (
                    state.trigger["amount"] if key == "first" else {"$from": "first.total"}
                )
                arguments = {"thing": thing, "amount": amount}
                return [StepSpec(key, "clerk", "shelf.put", arguments, f"Put a {thing}", 2)]
        return Finish("stocked", "Both are on the shelf.")


@pytest.fixture
def ready(agent: Agent, policy: Callable[..., Any], checkpoint: Any) -> Agent:
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    definitions.register(Stocking())
    install_workflow(definition=Stocking())
    return agent


@pytest.fixture
def begin(ready: Agent) -> Callable[..., Run]:
    def go(amount: int = 3, **more: Any) -> Run:
        return start_run(workflow="stocking", trigger={"amount": amount}, subject="Shelf", **more)

    return go


@pytest.fixture
def workflow(ready: Agent) -> Callable[..., Run]:
    """Starts a run of a workflow that is given as a function."""

    def go(decide: Callable[[RunState], Sequence[StepSpec] | Finish], **trigger: Any) -> Run:
        class Given:
            slug, title, version = "given", "Given", 1

            def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
                return decide(state)

        definitions.register(Given())
        install_workflow(definition=Given())
        return start_run(workflow="given", trigger=trigger, subject="Given")

    return go


def due() -> None:
    """Lets the time pass that retries and sweeps wait for."""
    long_ago = now() - dt.timedelta(hours=1)
    Step.objects.filter(not_before__isnull=False).update(not_before=long_ago)
    Step.objects.filter(status="running").update(lease_until=long_ago)
    Step.objects.update(created_at=long_ago)
    Run.objects.update(created_at=long_ago)
    Outbox.objects.update(created_at=long_ago)


def fresh(row: Any) -> Any:
    row.refresh_from_db()
    return row


def put(key: str, thing: str, amount: Any = 1, **more: Any) -> StepSpec:
    return StepSpec(key, "clerk", "shelf.put", {"thing": thing, "amount": amount}, key, 2, **more)
