"""The edge cases of the design (approvals.md, 1.4), one test for each row of its table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from apps.access.models import RoleAssignment, User
from apps.access.services import take_role
from apps.approvals.models import ApprovalRequest, Notice, Vote
from apps.approvals.queries import open_for, why_not
from apps.approvals.services import (
    Lost,
    cancel_for_action,
    cancel_for_agent,
    claim,
    edit,
    note_look,
    void_lost_rights,
)
from apps.approvals.tasks import sweep
from apps.common import clock
from apps.common.acting import acting
from apps.common.errors import NotPermitted
from apps.orchestration import definitions
from apps.orchestration.models import Run, Step
from apps.orchestration.services import drain, install_workflow, start_run
from apps.orchestration.services import sweep as orchestration_sweep
from apps.policies.adoption import enforce
from apps.policies.models import Policy
from apps.policies.services import save_draft
from apps.registry.models import Agent
from apps.registry.services import (
    change_agent,
    grant,
    register_tool,
    resume_agent,
    suspend_agent,
)
from apps.runtime import gate, outside, toolbox
from apps.runtime.models import Action, Effect
from tests.approvals.conftest import Ask, again, answer, open_request, time_passes
from tests.orchestration.conftest import Stocking, due, fresh
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN
from tests.runtime.test_the_gate import put
from tests.support import SPEC, Shelf

pytestmark = pytest.mark.django_db


def page_of(row: ApprovalRequest, verb: str = "") -> str:
    return f"/inbox/C-{row.number}" + (f"/{verb}" if verb else "")


def test_the_slower_of_two_approvers_sees_who_decided_and_keeps_their_words(
    question: Ask, approver: User, second_approver: User, signed_in: Callable[[User], Client]
) -> None:
    """1.4: two approvers race."""
    row = question()
    answer(approver, row)
    with pytest.raises(Lost, match=r"Decided by Approver at \d\d:\d\d UTC: approved"):
        answer(second_approver, row)
    body = {"choice": "reject", "reason": "My careful words.", "digest": row.action_digest}
    late = signed_in(second_approver).post(page_of(row, "decide"), body)
    assert late.status_code == 409
    assert b"My careful words." in late.content
    assert row.votes.count() == 1


def test_a_no_after_a_yes_ends_it_and_the_yes_stays_on_record(
    question: Ask, approver: User, second_approver: User
) -> None:
    """1.4: one approves and one rejects at once, where two are needed."""
    row = question(approvers=2)
    answer(approver, row)
    assert answer(second_approver, row, "reject").status == "rejected"
    assert set(row.votes.values_list("voter__username", "choice", "void")) == {
        ("approver", "approve", False),
        ("second_approver", "reject", False),
    }


def test_an_owner_has_no_button_and_is_refused_by_the_server_with_the_reason(
    question: Ask, owner: User, signed_in: Callable[[User], Client]
) -> None:
    """1.4: the approver is the agent's owner."""
    row = question()
    client = signed_in(owner)
    page = client.get(page_of(row)).content.decode()
    assert "own this agent" in page
    assert f'action="{page_of(row, "decide")}"' not in page
    body = {"choice": "approve", "reason": "Mine.", "digest": row.action_digest}
    assert client.post(page_of(row, "decide"), body).status_code in (403, 404)
    assert not Vote.objects.exists()


@pytest.mark.parametrize("how", ["role", "account"])
def test_whoever_loses_the_right_while_holding_the_claim_is_refused_at_the_vote(
    question: Ask, approver: User, how: str
) -> None:
    """1.4: an approver loses the role mid-lease, or is deactivated."""
    row = question()
    held = claim(actor=again(approver), request_id=row.pk)
    lose(approver, how)
    with pytest.raises(NotPermitted):
        answer(approver, row, fence=held.fence)


@pytest.mark.parametrize("how", ["role", "account"])
def test_a_vote_stands_when_it_was_decided_before_and_is_void_while_it_is_open(
    question: Ask, approver: User, second_approver: User, how: str
) -> None:
    """1.4: the vote of somebody who was removed since."""
    decided = answer(approver, question())
    waiting = question(approvers=2, intent_digest="j" * 64)
    answer(approver, waiting)
    lose(approver, how)
    void_lost_rights()
    decided.refresh_from_db()
    assert (decided.status, decided.votes.get().void) == ("approved", False)
    cast = waiting.votes.get()
    assert cast.void
    assert "lost the right" in cast.void_reason
    assert answer(second_approver, waiting).status == "pending"


def lose(person: User, how: str) -> None:
    if how == "role":
        held = RoleAssignment.objects.get(user=person)
        take_role(actor=None, assignment_id=held.pk, reason="Moved on")
    else:
        User.objects.filter(pk=person.pk).update(is_active=False)


@pytest.fixture
def run(ready: Agent) -> Run:
    """A run whose first step waits for a person; the second needs the first one's result."""
    definitions.register(Stocking())
    install_workflow(definition=Stocking())
    made = start_run(workflow="stocking", trigger={"amount": 11}, subject="Shelf")
    drain()
    return made


def test_a_timeout_ends_the_step_as_expired_and_never_as_a_no(run: Run, shelf: Shelf) -> None:
    """1.4 and acceptance 7: a timeout during a run. The agent is told `timeout`."""
    time_passes(open_request(), "decide_by")
    sweep()
    drain()
    step = Step.objects.get(run=run, key="first")
    assert (step.status, Action.objects.get().code) == ("expired", "timeout")
    assert not Step.objects.filter(run=run, key="second").exclude(status="skipped").exists()
    assert ApprovalRequest.objects.get().status == "expired"
    assert shelf.calls == 0


@pytest.mark.parametrize(("rule", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_the_rule_may_pause_or_cancel_the_run_when_the_time_is_over(
    run: Run, shelf: Shelf, rule: str, status: str
) -> None:
    """1.4: a timeout during a run, by the rule's action."""
    row = time_passes(open_request(), "decide_by")
    ApprovalRequest.objects.filter(pk=row.pk).update(rule={**row.rule, "on_timeout": rule})
    sweep()
    drain()
    assert fresh(run).status == status
    assert row.reference in fresh(run).sentence
    assert shelf.calls == 0


def test_suspending_the_agent_cancels_what_waits_and_what_was_approved_is_never_used(
    run: Run,
    shelf: Shelf,
    ready: Agent,
    approver: User,
    operator: User,
    second_thoughts: None,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """1.4 and acceptance 8: suspended while waiting, or approved and not yet carried out."""
    approved = answer(approver, open_request())
    waiting = put(ready, thing="ink", amount=11)
    with django_capture_on_commit_callbacks(execute=True):
        suspend_agent(actor=operator, agent=ready, reason="Odd")
    approved.refresh_from_db()
    assert approved.execution == "refused_stale"
    other = ApprovalRequest.objects.get(pk=waiting.approval_id)
    assert (other.status, other.reason_code) == ("cancelled", "agent_suspended")
    with django_capture_on_commit_callbacks(execute=True):
        resume_agent(actor=operator, agent=fresh(ready), reason="Looked into it")
    time_passes(approved, "dispatch_at")
    due()
    drain()
    asked = ApprovalRequest.objects.filter(status="pending", tool="shelf.put")
    assert asked.count() == 1
    assert asked.get().pk != approved.pk
    assert shelf.calls == 0


def test_an_outside_call_approved_before_a_suspension_is_asked_again_and_not_replayed(
    ready: Agent, shelf: Shelf, approver: User, operator: User, second_thoughts: None,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    """1.4 and acceptance 8: old approvals never replay."""
    outcome = put(ready, amount=11)
    approved = answer(approver, open_request())
    with django_capture_on_commit_callbacks(execute=True):
        suspend_agent(actor=operator, agent=ready, reason="Odd")
        resume_agent(actor=operator, agent=fresh(ready), reason="Looked into it")
    time_passes(approved, "dispatch_at")
    outside.go_on()
    assert shelf.calls == 0
    assert gate.resume(action_id=outcome.action_id).status in ("waiting", "denied")
    assert open_request().supersedes == approved


@pytest.mark.parametrize("what", ["agent", "tool", "policy"])
def test_a_new_version_while_it_waits_supersedes_it_and_people_are_told_what_changed(
    ready: Agent, approver: User, shelf: Shelf, what: str
) -> None:
    """1.4 and acceptance 9: agent, tool or policy changes while the question is open."""
    put(ready, amount=11)
    row = open_request()
    note_look(actor=again(approver), request_id=row.pk)
    words = change(what, ready, shelf)
    sweep()
    row.refresh_from_db()
    assert (row.status, row.reason_code) == ("superseded", "changed")
    assert words in row.outcome_note
    assert Notice.objects.filter(user=approver, title__contains=words).count() == 1
    outside.go_on()
    asked = open_request()
    assert (asked.supersedes, asked.origin) == (row, "changed")
    assert any(words in line for line in asked.evidence["changed"])
    assert answer(approver, asked).status == "approved"


def change(what: str, agent: Agent, shelf: Shelf) -> str:
    if what == "agent":
        change_agent(actor=None, agent=agent, reason="Cast", purpose="Another purpose.")
        return "The agent is version"
    if what == "tool":
        shelf.tools = (replace(SPEC, description="Puts it on the upper shelf."),)
        toolbox.register(shelf)
        register_tool(actor=None, spec=shelf.tools[0])
        return "shelf.put was changed"
    with acting(label="cast"):
        known = Policy.objects.get(slug="shelf-rules")
        text = ASK_ABOVE_TEN.replace("More than ten need a look.", "More than ten are many.")
        enforce(version=save_draft(actor=None, policy=known, text=text), reason="Cast")
    return "The policy shelf-rules is"


def test_a_record_that_changed_after_the_approval_is_asked_again_with_the_difference(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    """1.4: the target record changed after approval."""
    outcome = put(ready, amount=11)
    approved = answer(approver, open_request())
    shelf.stock["book"] = 500
    assert gate.resume(action_id=outcome.action_id).code == "stale"
    approved.refresh_from_db()
    assert approved.execution == "refused_stale"
    asked = open_request()
    assert asked.evidence["changed"] == ["stock was 0, now 500.", "stock was 11, now 511."]
    assert shelf.calls == 0


def test_a_decision_after_the_end_is_refused_with_an_offer_to_ask_anew(
    ready: Agent, approver: User, signed_in: Callable[[User], Client]
) -> None:
    """1.4: a decision arrives after expiry."""
    put(ready, amount=11)
    row = time_passes(open_request(), "decide_by")
    sweep()
    client = signed_in(approver)
    body = {"choice": "approve", "reason": "Late.", "digest": row.action_digest}
    late = client.post(page_of(row, "decide"), body)
    assert late.status_code == 409
    assert f'action="{page_of(row, "reopen")}"' in late.content.decode()
    client.post(page_of(row, "reopen"), {"reason": "Still needed."})
    assert outside.ask_again() == 1
    assert open_request().supersedes == row


def test_a_message_delivered_twice_brings_about_one_effect(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    """1.4 and acceptance 11: Celery redelivers the execute task."""
    outcome = put(ready, amount=11)
    answer(approver, open_request())
    ends = [gate.resume(action_id=outcome.action_id).status for _ in range(3)]
    assert ends == ["done", "done", "done"]
    assert (shelf.calls, Effect.objects.count()) == (1, 1)
    assert ApprovalRequest.objects.get().execution == "succeeded"


class Died(BaseException):
    """What kill -9 looks like from inside."""


def test_a_death_between_effect_and_record_is_in_doubt_for_a_person_and_never_repeated(
    run: Run, shelf: Shelf, approver: User
) -> None:
    """1.4: the worker dies after the side effect, before the commit."""
    answer(approver, open_request())
    perform = shelf.perform

    def die(call: Any) -> Any:
        perform(call)
        raise Died

    shelf.perform = die  # type: ignore[method-assign]
    with pytest.raises(Died):
        drain()
    shelf.perform = perform  # type: ignore[method-assign]
    due()
    orchestration_sweep()
    drain()
    step = Step.objects.get(run=run, key="first")
    assert step.status == "in_doubt"
    assert ApprovalRequest.objects.get().execution == "in_doubt"
    assert shelf.calls == 1


def test_an_edit_to_another_tool_is_that_tools_own_new_question(
    ready: Agent, shelf: Shelf, approver: User, policy: Callable[..., Any]
) -> None:
    """1.4 and acceptance 10: a human edit switches to another tool (more in test_edits.py)."""
    other = Shelf(replace(SPEC, name="shelf.burn", title="Burn"))
    other.name = "stove"
    toolbox.register(other)
    made = register_tool(actor=None, spec=other.tools[0])
    ends = clock.now() + dt.timedelta(days=3)
    grant(actor=None, agent=ready, tool=made, expires_at=ends, reason="Cast")
    policy(
        '@id("no-fire") @reason("Nothing is burnt.") '
        'forbid (principal, action == Action::"shelf.burn", resource);'
    )
    put(ready, amount=20)
    row = open_request()
    edit(
        actor=again(approver), request_id=row.pk, tool="shelf.burn",
        arguments={"thing": "book", "amount": 1}, reason="Burn it.", digest=row.action_digest,
    )  # fmt: skip
    outside.go_on()
    burnt = Action.objects.get(tool_name="shelf.burn")
    assert (burnt.status, other.calls, shelf.calls) == ("denied", 0, 0)


def test_an_edit_at_high_risk_needs_a_second_person(
    ready: Agent, shelf: Shelf, approver: User, second_approver: User
) -> None:
    """1.4: the approver edits, then approves their own edit at high risk."""
    change_agent(actor=None, agent=ready, reason="Cast", risk_tier="high")
    put(fresh(ready), amount=20)
    row = open_request()
    edit(
        actor=again(approver), request_id=row.pk, tool="shelf.put",
        arguments={"thing": "book", "amount": 12}, reason="Twelve.", digest=row.action_digest,
    )  # fmt: skip
    outside.go_on()
    asked = open_request()
    assert asked.votes.count() == 0
    with pytest.raises(NotPermitted, match="wrote this edit"):
        answer(approver, asked)
    assert answer(second_approver, asked).status == "approved"
    outside.go_on()
    assert shelf.stock == {"book": 12}


def test_when_a_claims_holder_goes_home_the_item_comes_back_by_itself(
    question: Ask, approver: User, second_approver: User
) -> None:
    """1.4: the claim's holder goes home."""
    row = question()
    claim(actor=again(approver), request_id=row.pk)
    with pytest.raises(Lost, match="working on this"):
        answer(second_approver, row)
    time_passes(row, "lease_until")
    assert row in open_for(again(second_approver))
    assert answer(second_approver, row).status == "approved"


@pytest.mark.parametrize(
    "way", ["approve", "reject", "return", "timeout", "run", "agent", "edit", "version"]
)
def test_every_way_out_of_a_request_ends_its_claim(ready: Agent, approver: User, way: str) -> None:
    """1.4 and acceptance 4: the item is resolved by another path."""
    outcome = put(ready, amount=11)
    row = claim(actor=again(approver), request_id=open_request().pk)
    assert row.holder == approver
    leave_by(way, row, outcome.action_id, approver, ready)
    row.refresh_from_db()
    assert row.status != "pending"
    assert (row.holder, row.lease_until) == (None, None)


def leave_by(way: str, row: ApprovalRequest, action_ref: Any, person: User, agent: Agent) -> None:
    ways: dict[str, Callable[[], Any]] = {
        "timeout": lambda: (time_passes(row, "decide_by"), sweep()),
        "run": lambda: cancel_for_action(action_ref=action_ref, reason_code="run_cancelled"),
        "agent": lambda: cancel_for_agent(agent_id=agent.pk, reason_code="agent_suspended"),
        "version": lambda: (
            change_agent(actor=None, agent=agent, reason="Cast", purpose="Another."),
            sweep(),
        ),
        "edit": lambda: edit(
            actor=again(person), request_id=row.pk, tool="shelf.put", fence=row.fence,
            arguments={"thing": "book", "amount": 3}, reason="Three.", digest=row.action_digest,
        ),
    }  # fmt: skip
    ways.get(way, lambda: answer(person, row, way, fence=row.fence))()


def test_the_late_answer_of_an_earlier_holder_is_refused_by_the_fence(
    question: Ask, approver: User, second_approver: User
) -> None:
    """1.4 and acceptance 3: a reassigned task is completed by the old assignee."""
    row = question(approvers=2)
    first = claim(actor=again(approver), request_id=row.pk)
    time_passes(row, "lease_until")
    second = claim(actor=again(second_approver), request_id=row.pk)
    assert second.fence > first.fence
    assert answer(second_approver, row, fence=second.fence).status == "pending"
    with pytest.raises(Lost) as late:
        answer(approver, row, fence=first.fence)
    assert (late.value.code, late.value.status) == ("fence", 409)
    assert answer(approver, row).status == "approved"


def test_a_link_opens_and_never_decides_however_often_it_is_followed(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    """1.4: a duplicate approval link, or an answer by mail."""
    row = question()
    client = signed_in(approver)
    link = Notice.objects.filter(user=approver).first()
    assert link is not None
    assert link.url == page_of(row)
    for _ in range(2):
        assert client.get(link.url, {"choice": "approve", "reason": "x"}).status_code == 200
    for verb in ("decide", "claim", "release", "undo", "reopen", "snooze", "look"):
        assert client.get(page_of(row, verb), {"choice": "approve"}).status_code == 405
    assert Client().get(link.url).status_code == 302
    row.refresh_from_db()
    assert (row.status, Vote.objects.count(), row.holder) == ("pending", 0, None)


def test_a_machine_whose_clock_is_wrong_decides_by_the_databases(
    question: Ask, approver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.4: clock skew."""

    class Tomorrow(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Tomorrow:  # type: ignore[override]
            return cls(2099, 1, 1, tzinfo=tz)

    row = question()
    monkeypatch.setattr(dt, "datetime", Tomorrow)
    monkeypatch.setattr("time.time", lambda: 4_070_908_800.0)
    assert clock.now().year < 2099
    assert why_not(again(approver), row) == ""
    sweep()
    decided = answer(approver, row)
    assert decided.status == "approved"
    assert decided.decided_at is not None
    assert decided.decided_at.year < 2099
