"""Calls for outside agents whose end nobody knows: found, asked about, and settled by a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import vote
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.ledger.queries import texts_of_acts
from apps.orchestration.queries import attention
from apps.orchestration.queries.runs import doubtful as doubtful_actions
from apps.registry.models import Agent
from apps.runtime import gate, outside
from apps.runtime.models import Action, Effect
from apps.runtime.rules import CallContext, Outcome
from tests.orchestration.conftest import ready  # noqa: F401
from tests.support import Shelf

PAGE = "/runs/attention"


def put(agent: Agent, amount: int = 1) -> Outcome:
    return gate.attempt(
        agent_id=agent.pk,
        tool="shelf.put",
        arguments={"thing": "book", "amount": amount},
        call=CallContext(idem_key="k", purpose="Put a book away"),
    )


@pytest.fixture
def ready_agent(ready: Agent) -> Agent:  # noqa: F811
    return ready


@pytest.fixture
def doubtful(ready_agent: Agent, shelf: Shelf) -> Action:
    original = shelf.perform
    shelf.perform = lambda call: replace(original(call), result={"total": "many"})  # type: ignore[method-assign]
    action = Action.objects.get(pk=put(ready_agent).action_id)
    assert action.status == "in_doubt"
    return action


def died(agent: Agent, *, begun: bool) -> Action:
    """As a process leaves it that is killed before its call to the outside system, or during it."""
    action = Action.objects.get(pk=put(agent).action_id)
    long_ago = now() - dt.timedelta(minutes=11)
    Action.objects.update(status="executing", settled_at=None, result=None, at=long_ago)
    if begun:
        Effect.objects.update(status="dispatching", ended_at=None, begun_at=long_ago)
    else:
        Effect.objects.all().delete()
    return action


@pytest.mark.parametrize("happened", [True, False])
def test_a_person_settles_it_on_the_page_with_a_reason(
    doubtful: Action, operator: User, signed_in: Any, shelf: Shelf, happened: bool
) -> None:
    page = signed_in(operator)
    assert "Put a book away" in page.get(PAGE).content.decode()
    assert "Put a book away" not in page.get("/").content.decode()
    assert "what its schema does not allow" in page.get("/").content.decode()
    verb = "happened" if happened else "not-happened"
    form = f"/runs/actions/{doubtful.pk}/{verb}"
    assert "shelf.put" in page.get(form).content.decode()
    assert page.post(form, {"reason": ""}).status_code == 422
    assert page.post(form, {"reason": "Counted."}).status_code == 302
    doubtful.refresh_from_db()
    assert doubtful.status == ("done" if happened else "failed")
    event = LedgerEvent.objects.filter(type="action.reported").get()
    assert event.actor_id == str(operator.pk)
    assert texts_of_acts([event.act_id]) == {event.act_id: "Counted."}
    assert attention(operator) == []
    assert page.get(form).status_code == 404
    assert shelf.calls == 1


def test_only_who_operates_may_and_only_once(
    doubtful: Action, operator: User, approver: User, stranger: User, signed_in: Any
) -> None:
    form = f"/runs/actions/{doubtful.pk}/happened"
    for person in (approver, stranger):
        assert signed_in(person).post(form, {"reason": "x"}).status_code in (403, 404)
        with pytest.raises(NotPermitted):
            outside.settle_doubt(actor=person, action=doubtful, happened=True, reason="x")
    assert attention(stranger) == []
    outside.settle_doubt(actor=operator, action=doubtful, happened=True, reason="x")
    with pytest.raises(Conflict):
        outside.settle_doubt(actor=operator, action=doubtful, happened=False, reason="x")


@pytest.mark.parametrize(("begun", "status"), [(False, "failed"), (True, "in_doubt")])
def test_a_call_whose_process_died_is_found_and_never_repeated(
    ready_agent: Agent, shelf: Shelf, operator: User, begun: bool, status: str
) -> None:
    action = died(ready_agent, begun=begun)
    assert outside.give_up_lost() == 1
    action.refresh_from_db()
    assert action.status == status
    assert len(attention(operator)) == int(begun)
    assert outside.give_up_lost() == 0
    assert shelf.calls == 1


def test_a_system_that_remembers_the_call_settles_it(ready_agent: Agent, shelf: Shelf) -> None:
    shelf.remembers = True
    action = died(ready_agent, begun=True)
    outside.give_up_lost()
    action.refresh_from_db()
    assert (action.status, action.result) == ("done", {"total": 1})


def test_what_is_still_being_done_is_left_alone(ready_agent: Agent) -> None:
    action = died(ready_agent, begun=True)
    Action.objects.update(at=now())
    Effect.objects.update(begun_at=now())
    assert outside.give_up_lost() == 0
    action.refresh_from_db()
    assert action.status == "executing"


def test_the_approval_tells_what_became_of_it(
    ready_agent: Agent, shelf: Shelf, approver: User, operator: User
) -> None:
    original = shelf.perform
    shelf.perform = lambda call: replace(original(call), result={"total": "many"})  # type: ignore[method-assign]
    outcome = put(ready_agent, amount=11)
    request = ApprovalRequest.objects.get()
    vote(actor=approver, request_id=request.pk, choice="approve", reason="Fine.",
         digest=request.action_digest)  # fmt: skip
    assert gate.resume(action_id=outcome.action_id).status == "in_doubt"
    request.refresh_from_db()
    assert request.execution == "in_doubt"
    action = Action.objects.get(pk=outcome.action_id)
    outside.settle_doubt(actor=operator, action=action, happened=False, reason="Not there.")
    request.refresh_from_db()
    assert request.execution == "failed"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own way to tell its plan")
def test_what_is_unsettled_is_found_by_its_own_small_index(db: None) -> None:
    for rows in (doubtful_actions().order_by("settled_at"), outside.unsettled("executing")):
        assert "action_unsettled" in rows.explain()
