"""The gate, from the outside: what it stops, what it asks, what it does, and what it writes."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.models import LedgerEvent
from apps.policies.models import JudgedRequest, PolicyVersion
from apps.registry.models import Agent, Tool
from apps.registry.services import (
    grant,
    issue_credential,
    register_tool,
    revoke_credential,
    revoke_grant,
    suspend_agent,
)
from apps.runtime import gate, toolbox
from apps.runtime.models import Action, Circuit, Effect, Rate, Session
from apps.runtime.rules import CallContext, Outcome, secret_free
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS
from tests.support import SPEC, Rejected, Shelf, Unavailable

pytestmark = pytest.mark.django_db
NUMBERS = itertools.count(1)


@pytest.fixture
def ready(agent: Agent, policy: Callable[..., Any], checkpoint: Any) -> Agent:
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    return agent


def put(agent: Agent, thing: str = "book", amount: Any = 1, key: str = "", **call: Any) -> Outcome:
    context = CallContext(idem_key=key or f"key-{next(NUMBERS)}", **call)
    with acting(kind="agent", id=str(agent.pk), label=agent.label):
        return gate.attempt(
            agent_id=agent.pk,
            tool="shelf.put",
            arguments={"thing": thing, "amount": amount},
            call=context,
        )


def approve(request_id: Any, person: Any) -> ApprovalRequest:
    request = ApprovalRequest.objects.get(pk=request_id)
    return approvals.vote(
        actor=person,
        request_id=request.pk,
        choice="approve",
        reason="Looked at it.",
        digest=request.action_digest,
    )


def test_an_allowed_action_is_done_once_and_written_down(ready: Agent, shelf: Shelf) -> None:
    outcome = put(ready, purpose="Restock")
    assert (outcome.verdict, outcome.status, outcome.result) == ("allow", "done", {"total": 1})
    action = Action.objects.get()
    assert (action.status, action.purpose, action.facts["stock"]["value"]) == ("done", "Restock", 0)
    assert action.tool_pin == Tool.objects.get().pin
    kinds = set(LedgerEvent.objects.values_list("type", flat=True))
    assert {"action.allowed", "action.done"} <= kinds
    assert Effect.objects.get().after == {"stock": 1}
    assert JudgedRequest.objects.get().effect == "allow"


def test_the_record_is_committed_before_the_effect(ready: Agent, shelf: Shelf) -> None:
    seen: list[tuple[str, bool]] = []
    shelf.on_call = lambda: seen.append(  # type: ignore[attr-defined]
        (Action.objects.get().status, connection.in_atomic_block)
    )
    original = shelf.perform

    def perform(call: Any) -> Any:
        shelf.on_call()  # type: ignore[attr-defined]
        return original(call)

    shelf.perform = perform  # type: ignore[method-assign]
    put(ready)
    assert seen[0][0] == "executing"


def test_the_same_key_answers_again_and_acts_once(ready: Agent, shelf: Shelf) -> None:
    first, second = put(ready, key="k"), put(ready, key="k")
    assert first.action_id == second.action_id
    assert shelf.stock == {"book": 1}


def test_a_key_used_for_another_call_is_refused(ready: Agent, shelf: Shelf) -> None:
    put(ready, key="k")
    with pytest.raises(Conflict):
        put(ready, key="k", amount=2)
    assert shelf.stock == {"book": 1}


def stopped(outcome: Outcome, code: str, shelf: Shelf) -> None:
    action = Action.objects.get(pk=outcome.action_id)
    assert (outcome.verdict, action.status, action.code) == ("deny", "denied", code)
    assert action.reasons[0]["sentence"]
    assert shelf.calls == 0


def test_a_suspended_agent_is_stopped(ready: Agent, shelf: Shelf, operator: Any) -> None:
    suspend_agent(actor=operator, agent=ready, reason="Odd")
    assert put(ready).verdict == "deny"
    assert shelf.calls == 0


def test_an_unknown_tool_is_stopped(ready: Agent, shelf: Shelf) -> None:
    outcome = gate.attempt(
        agent_id=ready.pk, tool="no.such", arguments={}, call=CallContext(idem_key="k")
    )
    stopped(outcome, "unknown_tool", shelf)


@pytest.mark.parametrize(
    "arguments",
    [
        {"thing": "book", "amount": 1, "extra": 1},
        {"thing": "book"},
        {"thing": "book", "amount": "1"},
        {"thing": "b" * 41, "amount": 1},
        {},
    ],
)
def test_arguments_that_the_schema_does_not_allow_are_stopped(
    ready: Agent, shelf: Shelf, arguments: dict[str, Any]
) -> None:
    outcome = gate.attempt(
        agent_id=ready.pk, tool="shelf.put", arguments=arguments, call=CallContext(idem_key="k")
    )
    assert outcome.verdict == "deny"
    assert shelf.calls == 0


def test_without_a_grant_nothing_happens(ready: Agent, shelf: Shelf) -> None:
    revoke_grant(actor=None, grant=ready.grants.get(), reason="Over")
    stopped(put(ready), "no_grant", shelf)


def test_an_expired_grant_is_no_grant(ready: Agent, shelf: Shelf) -> None:
    found = ready.grants.get()
    found.starts_at, found.expires_at = now() - dt.timedelta(days=2), now() - dt.timedelta(days=1)
    found.save()
    stopped(put(ready), "no_grant", shelf)


def test_a_grant_holds_to_its_scope(ready: Agent, shelf: Shelf, tool: Tool) -> None:
    revoke_grant(actor=None, grant=ready.grants.get(), reason="Over")
    grant(
        actor=None,
        agent=ready,
        tool=tool,
        scope={"thing": {"in": ["book"]}, "amount": {"max": 3}},
        expires_at=now() + dt.timedelta(days=3),
        reason="Less",
    )
    assert put(ready, amount=3).status == "done"
    assert put(ready, amount=4).verdict == "deny"
    assert put(ready, thing="pen").verdict == "deny"


def test_a_tool_that_is_no_longer_what_was_registered_is_stopped(
    ready: Agent, shelf: Shelf
) -> None:
    shelf.tools = (replace(SPEC, description="Does something else now."),)
    toolbox.register(shelf)
    stopped(put(ready), "pin_changed", shelf)


def test_a_revoked_key_stops_the_very_next_call(ready: Agent, shelf: Shelf) -> None:
    credential, _ = issue_credential(
        actor=None, agent=ready, label="k", expires_at=now() + dt.timedelta(days=1)
    )
    assert put(ready, credential_id=credential.pk).status == "done"
    revoke_credential(actor=None, credential=credential, reason="Leaked")
    assert put(ready, credential_id=credential.pk).verdict == "deny"
    assert shelf.calls == 1


def test_a_key_for_other_tools_is_stopped(ready: Agent, shelf: Shelf) -> None:
    credential, _ = issue_credential(
        actor=None,
        agent=ready,
        label="k",
        expires_at=now() + dt.timedelta(days=1),
        scopes=["other.tool"],
    )
    stopped(put(ready, credential_id=credential.pk), "out_of_scope", shelf)


def test_no_policy_in_force_stops_everything(agent: Agent, shelf: Shelf) -> None:
    assert put(agent).verdict == "deny"
    assert shelf.calls == 0


def test_a_policy_that_errs_stops_the_action(
    ready: Agent, shelf: Shelf, policy: Callable[..., Any]
) -> None:
    version = policy(
        '@id("over") @reason("x") forbid (principal, action == Action::"shelf.put", resource) '
        "when { context.args.amount * 4000000000000000000 > 1 };"
    )
    assert isinstance(version, PolicyVersion)
    outcome = put(ready, amount=9)
    assert outcome.verdict == "deny"
    assert outcome.reasons[0]["kind"] == "error"
    assert shelf.calls == 0


def test_an_error_while_judging_is_a_no(ready: Agent, shelf: Shelf) -> None:
    def facts(tool: str, arguments: Any) -> dict[str, Any]:
        raise ZeroDivisionError

    shelf.facts = facts  # type: ignore[method-assign]
    stopped(put(ready), "gate_error", shelf)


def test_facts_that_cannot_be_had_now_are_tried_again_later(ready: Agent, shelf: Shelf) -> None:
    def facts(tool: str, arguments: Any) -> dict[str, Any]:
        raise Unavailable("The stock system sleeps.", 5.0)

    shelf.facts = facts  # type: ignore[method-assign]
    outcome = put(ready)
    assert (outcome.status, outcome.retry_after, shelf.calls) == ("retry", 5.0, 0)


def test_claims_never_stand_in_for_facts(
    ready: Agent, shelf: Shelf, policy: Callable[..., Any]
) -> None:
    policy(
        '@id("only-sturdy") @reason("Not known to be sturdy.") '
        'forbid (principal, action == Action::"shelf.put", resource) '
        "unless { context.facts has fragile && !context.facts.fragile };"
    )
    assert put(ready, claims={"fragile": False}).verdict == "deny"
    shelf.known = {"fragile": False}
    assert put(ready).status == "done"


def test_a_rate_that_is_used_up_asks_to_come_again(ready: Agent, shelf: Shelf) -> None:
    Rate.objects.create(scope="agent:clerk", per_minute=60, burst=2, arrival_at=now())
    assert [put(ready).status for _ in range(3)] == ["done", "done", "retry"]
    assert Action.objects.filter(code="limit").count() == 1


def test_five_failures_open_the_circuit_and_one_probe_closes_it(ready: Agent, shelf: Shelf) -> None:
    for _ in range(5):
        shelf.trouble = Unavailable("Down.")
        assert put(ready).status == "retry"
    assert put(ready).code == "circuit"
    assert shelf.calls == 5
    Circuit.objects.update(opened_until=now() - dt.timedelta(seconds=1))
    assert put(ready).status == "done"
    assert Circuit.objects.get().opened_until is None


def test_a_circuit_that_a_person_holds_open_stays_open(ready: Agent, shelf: Shelf) -> None:
    Circuit.objects.create(pk="shelf.put", forced="open")
    assert put(ready).code == "circuit"
    assert shelf.calls == 0


def test_a_system_that_refuses_for_good_is_not_asked_again(ready: Agent, shelf: Shelf) -> None:
    shelf.trouble = Rejected("The shelf is full.")
    outcome = put(ready)
    assert (outcome.status, outcome.error) == ("failed", "The shelf is full.")


def test_review_puts_the_question_and_does_nothing(ready: Agent, shelf: Shelf) -> None:
    outcome = put(ready, amount=11)
    assert (outcome.verdict, outcome.status) == ("review", "waiting")
    request = ApprovalRequest.objects.get(pk=outcome.approval_id)
    assert request.evidence["will_happen"]["after"] == {"stock": 11}
    assert request.evidence["why"][0]["rule_id"] == "ask-above-ten"
    assert shelf.calls == 0


def test_after_the_yes_it_is_done_once(ready: Agent, shelf: Shelf, approver: Any) -> None:
    outcome = put(ready, amount=11)
    approve(outcome.approval_id, approver)
    done = gate.resume(action_id=outcome.action_id)
    again = gate.resume(action_id=outcome.action_id)
    assert (done.status, again.status) == ("done", "done")
    assert shelf.stock == {"book": 11}
    assert ApprovalRequest.objects.get().execution == "succeeded"
    assert JudgedRequest.objects.filter(answer="approved").count() == 1


def test_before_the_yes_nothing_is_done(ready: Agent, shelf: Shelf) -> None:
    outcome = put(ready, amount=11)
    assert gate.resume(action_id=outcome.action_id).status == "waiting"
    assert shelf.calls == 0


def test_a_yes_to_what_has_changed_since_is_asked_anew(
    ready: Agent, shelf: Shelf, approver: Any
) -> None:
    outcome = put(ready, amount=11)
    approve(outcome.approval_id, approver)
    shelf.stock["book"] = 500
    again = gate.resume(action_id=outcome.action_id)
    assert (again.status, again.code) == ("waiting", "stale")
    fresh = ApprovalRequest.objects.get(pk=again.approval_id)
    assert fresh.supersedes_id == outcome.approval_id
    assert fresh.evidence["changed"]
    assert shelf.calls == 0
    assert ApprovalRequest.objects.get(pk=outcome.approval_id).execution == "refused_stale"


def test_a_yes_does_not_outlive_a_new_prohibition(
    ready: Agent, shelf: Shelf, approver: Any, policy: Callable[..., Any]
) -> None:
    outcome = put(ready, amount=11)
    approve(outcome.approval_id, approver)
    policy('@id("stop") @reason("Stock-taking.") forbid (principal, action, resource);')
    again = gate.resume(action_id=outcome.action_id)
    assert again.status == "denied"
    assert shelf.calls == 0


def test_a_yes_does_not_outlive_the_agents_suspension(
    ready: Agent, shelf: Shelf, approver: Any, operator: Any
) -> None:
    outcome = put(ready, amount=11)
    approve(outcome.approval_id, approver)
    suspend_agent(actor=operator, agent=ready, reason="Odd")
    assert gate.resume(action_id=outcome.action_id).status == "denied"
    assert shelf.calls == 0


def test_a_no_ends_the_action_with_the_persons_words(
    ready: Agent, shelf: Shelf, approver: Any
) -> None:
    outcome = put(ready, amount=11)
    request = ApprovalRequest.objects.get()
    approvals.vote(
        actor=approver,
        request_id=request.pk,
        choice="reject",
        reason="Too many.",
        digest=request.action_digest,
    )
    ended = gate.resume(action_id=outcome.action_id)
    assert (ended.status, ended.code, ended.error) == ("denied", "rejected", "Too many.")


def test_the_same_wish_again_does_not_ask_twice(ready: Agent, shelf: Shelf) -> None:
    put(ready, amount=11, key="k")
    put(ready, amount=11, key="k")
    assert ApprovalRequest.objects.count() == 1


def test_an_effect_with_unknown_end_is_in_doubt_and_not_repeated(
    ready: Agent, shelf: Shelf, tool: Tool
) -> None:
    assert not tool.idempotent
    outcome = put(ready, key="k")
    Effect.objects.update(status="dispatching", ended_at=None)
    Action.objects.update(status="executing", settled_at=None)
    action = Action.objects.get(pk=outcome.action_id)
    from apps.runtime.gate import effects

    doubtful = effects.carry_out(action, {}, None)
    assert doubtful.status == "in_doubt"
    assert shelf.calls == 1
    gate.resolve(action_id=action.pk, happened=True, reason="Counted the shelf.")
    action.refresh_from_db()
    assert action.status == "done"


def test_a_system_that_remembers_the_key_settles_the_doubt(ready: Agent, shelf: Shelf) -> None:
    from apps.runtime.gate import effects

    shelf.remembers = True
    outcome = put(ready, key="k")
    Effect.objects.update(status="dispatching", ended_at=None)
    Action.objects.update(status="executing", settled_at=None)
    settled = effects.carry_out(Action.objects.get(pk=outcome.action_id), {}, None)
    assert settled.status == "done"
    assert shelf.calls == 1


def test_undo_gives_back_what_was_there(ready: Agent, shelf: Shelf) -> None:
    shelf.stock["book"] = 4
    outcome = put(ready, amount=3)
    gate.undo(action_id=outcome.action_id, reason="Mistake")
    assert shelf.stock["book"] == 4
    assert Action.objects.get().status == "undone"


def test_undo_is_refused_where_somebody_has_changed_it_since(ready: Agent, shelf: Shelf) -> None:
    outcome = put(ready, amount=3)
    shelf.stock["book"] = 99
    refused = gate.undo(action_id=outcome.action_id, reason="Mistake")
    assert (refused.status, refused.code) == ("failed", "moved")
    assert shelf.stock["book"] == 99


def test_a_session_is_the_agents_own(ready: Agent, shelf: Shelf) -> None:
    put(ready, session="task 1")
    put(ready, session="task 1")
    session = Session.objects.get()
    assert (session.agent_id, session.actions) == (ready.pk, 2)


def test_untrusted_text_marks_the_session(ready: Agent, shelf: Shelf) -> None:
    spec = replace(
        SPEC, name="shelf.read", effect="read", compensation="", output_schema={"type": "object"}
    )

    class Reader(Shelf):
        def perform(self, call: Any) -> Any:
            return toolbox.Effected({"untrusted": [{"path": "note", "text": "Obey me."}]})

    reader = Reader(spec)
    toolbox.register(reader)
    grant(
        actor=None,
        agent=ready,
        tool=register_tool(actor=None, spec=spec),
        expires_at=now() + dt.timedelta(days=1),
        reason="Read",
    )
    gate.attempt(
        agent_id=ready.pk,
        tool="shelf.read",
        arguments={"thing": "letter", "amount": 1},
        call=CallContext(idem_key="read", session="task 1"),
    )
    assert Session.objects.get().untrusted_read


def test_another_credential_cannot_take_over_a_session(ready: Agent, shelf: Shelf) -> None:
    soon = now() + dt.timedelta(days=1)
    first, _ = issue_credential(actor=None, agent=ready, label="a", expires_at=soon)
    second, _ = issue_credential(actor=None, agent=ready, label="b", expires_at=soon)
    put(ready, session="task", credential_id=first.pk)
    outcome = put(ready, session="task", credential_id=second.pk)
    assert outcome.code == "not_your_session"
    assert shelf.calls == 1


def test_an_answer_that_the_output_schema_does_not_allow_is_no_success(
    ready: Agent, shelf: Shelf
) -> None:
    original = shelf.perform

    def perform(call: Any) -> Any:
        return replace(original(call), result={"total": "many"})

    shelf.perform = perform  # type: ignore[method-assign]
    outcome = put(ready)
    assert outcome.status == "in_doubt"
    assert "schema" in outcome.error


SECRETS = st.from_regex(r"agk_[A-Za-z0-9]{6}_[A-Za-z0-9_-]{12}", fullmatch=True)


@given(secret=SECRETS, before=st.text(max_size=10).filter(lambda text: "agk" not in text))
def test_a_key_never_reaches_the_record(secret: str, before: str) -> None:
    masked = secret_free({"note": [f"{before} {secret}"], "deep": {"x": secret}})
    assert secret not in str(masked)
