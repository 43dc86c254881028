"""Approving something else than was asked: the edit is a new action, judged by the gate."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Edit, Notice
from apps.approvals.queries import why_not
from apps.approvals.services import Lost, edit, reopen
from apps.approvals.tasks import sweep
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from apps.registry.services import change_agent, grant, register_tool
from apps.runtime import outside, toolbox
from apps.runtime.models import Action
from tests.approvals.conftest import again, answer, open_request, time_passes
from tests.runtime.test_the_gate import put
from tests.support import SPEC, Shelf

pytestmark = pytest.mark.django_db


def change(person: User, request: ApprovalRequest, **more: Any) -> Edit:
    fields: dict[str, Any] = {
        "tool": request.tool,
        "arguments": {"thing": "book", "amount": 12},
        "reason": "Twelve are enough.",
        "digest": request.action_digest,
    }
    return edit(actor=again(person), request_id=request.pk, **{**fields, **more})


def test_an_edit_is_judged_as_a_new_action_and_the_editors_consent_counts(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    outcome = put(ready, amount=20)
    first = open_request()
    change(approver, first)
    outside.go_on()
    outside.go_on()
    assert shelf.stock == {"book": 12}
    first.refresh_from_db()
    assert (first.status, first.reason_code) == ("superseded", "edited")
    second = ApprovalRequest.objects.get(supersedes=first)
    assert (second.origin, second.status) == ("human_edit", "approved")
    assert second.action_digest != first.action_digest
    assert second.evidence["edit"]["before"] == {"thing": "book", "amount": 20}
    assert second.evidence["edit"]["after"] == {"thing": "book", "amount": 12}
    assert second.votes.get().voter == approver
    old = Action.objects.get(pk=outcome.action_id)
    assert (old.status, old.code) == ("refused_stale", "edited")
    assert LedgerEvent.objects.filter(type="approval.edited").count() == 1


def test_an_edit_that_no_rule_asks_about_is_done(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    put(ready, amount=20)
    change(approver, open_request(), arguments={"thing": "book", "amount": 5})
    outside.go_on()
    assert shelf.stock == {"book": 5}
    assert not ApprovalRequest.objects.filter(status="pending").exists()


def test_an_edit_that_the_policies_forbid_is_refused_and_its_author_is_told(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    put(ready, amount=20)
    change(approver, open_request(), arguments={"thing": "glass", "amount": 20})
    outside.go_on()
    assert shelf.stock == {}
    assert Action.objects.get(arguments__thing="glass").status == "denied"
    assert Notice.objects.filter(user=approver, title__contains="Glass breaks").exists()


def test_whoever_edits_at_high_risk_does_not_approve_their_own_edit(
    ready: Agent, shelf: Shelf, approver: User, second_approver: User
) -> None:
    change_agent(actor=None, agent=ready, reason="Cast", risk_tier="high")
    put(Agent.objects.get(), amount=20)
    change(approver, open_request())
    outside.go_on()
    asked = open_request()
    assert asked.risk == "high"
    assert "wrote this edit" in why_not(again(approver), asked)
    with pytest.raises(NotPermitted, match="wrote this edit"):
        answer(approver, asked)
    assert answer(second_approver, asked).status == "approved"
    outside.go_on()
    assert shelf.stock == {"book": 12}


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"thing": "book", "amount": "many"}, "amount"),
        ({"thing": "book"}, "the arguments"),
        ({"thing": "book", "amount": 3, "more": 1}, "the arguments"),
        ({"thing": "b" * 41, "amount": 3}, "thing"),
    ],
)
def test_arguments_that_the_tool_does_not_take_are_refused_and_nothing_is_lost(
    ready: Agent, approver: User, arguments: dict[str, Any], place: str
) -> None:
    put(ready, amount=20)
    row = open_request()
    with pytest.raises(Invalid) as refusal:
        change(approver, row, arguments=arguments)
    assert place in refusal.value.fields
    row.refresh_from_db()
    assert row.status == "pending"
    assert not Edit.objects.exists()


def test_an_edit_that_changes_nothing_or_says_nothing_is_none(ready: Agent, approver: User) -> None:
    put(ready, amount=20)
    row = open_request()
    with pytest.raises(Invalid, match="Nothing is changed"):
        change(approver, row, arguments={"thing": "book", "amount": 20})
    with pytest.raises(Invalid, match="Say why"):
        change(approver, row, reason=" ")


@pytest.mark.parametrize("who", ["owner", "stranger", "auditor", "administrator"])
def test_nobody_edits_who_may_not_decide(
    ready: Agent, who: str, request: pytest.FixtureRequest
) -> None:
    put(ready, amount=20)
    with pytest.raises(NotPermitted):
        change(request.getfixturevalue(who), open_request())
    assert not Edit.objects.exists()


def test_a_stale_screen_or_a_late_edit_loses(ready: Agent, approver: User) -> None:
    put(ready, amount=20)
    row = open_request()
    with pytest.raises(Lost):
        change(approver, row, digest="e" * 64)
    time_passes(row, "decide_by")
    with pytest.raises(Lost, match="run out"):
        change(approver, row)


GIVE = """
@id("give-is-forbidden") @reason("Nothing is given away.")
forbid (principal, action == Action::"shelf.give", resource) when { context.args.amount > 15 };
@id("ask-before-giving") @checkpoint("shelf") @approvers("2") @reason("Giving needs two.")
forbid (principal, action == Action::"shelf.give", resource)
unless { context.approvals.contains("shelf") };
"""


@pytest.fixture
def giving(ready: Agent, shelf: Shelf, policy: Any) -> Agent:
    """A second tool of the same shelf, under rules of its own."""
    other = Shelf(replace(SPEC, name="shelf.give", title="Give away"))
    other.name = "giver"
    toolbox.register(other)
    made = register_tool(actor=None, spec=other.tools[0])
    ends = now() + dt.timedelta(days=3)
    grant(actor=None, agent=ready, tool=made, expires_at=ends, reason="Cast")
    policy(GIVE, slug="giving")
    return ready


def test_acceptance_10_an_edit_to_another_tool_passes_that_tools_own_rules(
    giving: Agent, shelf: Shelf, approver: User, second_approver: User
) -> None:
    """1.4: a human edit that switches the tool is a new action of that tool and its policy."""
    put(giving, amount=20)
    change(approver, open_request(), tool="shelf.give", arguments={"thing": "book", "amount": 3})
    outside.go_on()
    asked = open_request()
    assert (asked.tool, asked.approvers_needed) == ("shelf.give", 2)
    assert asked.votes.count() == 1
    assert answer(second_approver, asked).status == "approved"
    outside.go_on()
    assert Action.objects.get(tool_name="shelf.give").status == "done"
    assert shelf.stock == {}


def test_an_edit_to_a_tool_that_forbids_it_is_refused(giving: Agent, approver: User) -> None:
    put(giving, amount=20)
    change(approver, open_request(), tool="shelf.give", arguments={"thing": "book", "amount": 16})
    outside.go_on()
    assert Action.objects.get(tool_name="shelf.give").status == "denied"


def test_an_edit_to_a_tool_without_permission_is_refused(
    ready: Agent, approver: User, shelf: Shelf
) -> None:
    other = Shelf(replace(SPEC, name="shelf.give", title="Give away"))
    other.name = "giver"
    toolbox.register(other)
    register_tool(actor=None, spec=other.tools[0])
    put(ready, amount=20)
    change(approver, open_request(), tool="shelf.give", arguments={"thing": "book", "amount": 3})
    outside.go_on()
    action = Action.objects.get(tool_name="shelf.give")
    assert (action.status, action.code) == ("denied", "no_grant")


def test_a_request_that_ran_out_is_opened_again_as_a_new_one(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    """1.4: a decision that arrives after the time is refused, with an offer to ask anew."""
    outcome = put(ready, amount=20)
    row = time_passes(open_request(), "decide_by")
    with pytest.raises(Lost) as late:
        answer(approver, row)
    assert late.value.status == 409
    sweep()
    outside.go_on()
    assert Action.objects.get(pk=outcome.action_id).code == "timeout"
    reopen(actor=again(approver), request_id=row.pk, reason="It is still needed.")
    with pytest.raises(Conflict):
        reopen(actor=again(approver), request_id=row.pk, reason="Twice.")
    assert outside.ask_again() == 1
    assert outside.ask_again() == 0
    asked = open_request()
    assert (asked.supersedes, asked.origin) == (row, "reopened")
    answer(approver, asked)
    outside.go_on()
    assert shelf.stock == {"book": 20}
    assert shelf.calls == 1


def test_only_people_of_the_queue_open_again_and_only_what_ran_out(
    ready: Agent, approver: User, stranger: User
) -> None:
    put(ready, amount=20)
    row = open_request()
    with pytest.raises(Conflict):
        reopen(actor=again(approver), request_id=row.pk, reason="x")
    time_passes(row, "decide_by")
    sweep()
    with pytest.raises(NotPermitted):
        reopen(actor=again(stranger), request_id=row.pk, reason="x")
    with pytest.raises(Invalid):
        reopen(actor=again(approver), request_id=row.pk, reason=" ")
