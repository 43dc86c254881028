"""The organisation's own list of reasons, and how many times a wish is refused."""

from __future__ import annotations

import pytest

from apps.access.models import User
from apps.approvals.models import Notice, ReasonCode
from apps.approvals.services import install_reasons, retire_reason, save_reason
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from apps.runtime import gate
from apps.runtime.models import Action
from tests.approvals.conftest import Ask, answer, open_request
from tests.runtime.test_the_gate import put

pytestmark = pytest.mark.django_db


def test_the_product_comes_with_reasons_for_every_answer() -> None:
    assert set(ReasonCode.objects.values_list("choice", flat=True)) == {
        "approve", "reject", "return",
    }  # fmt: skip
    first = ReasonCode.objects.get(choice="approve", slug="matches")
    assert first.history.get().actor_kind == "system"


def test_a_list_that_people_made_is_left_alone(administrator: User) -> None:
    for row in ReasonCode.objects.all():
        retire_reason(actor=administrator, reason=row)
    install_reasons()
    assert not ReasonCode.objects.filter(retired_at=None).exists()


def test_a_reason_of_the_list_is_enough_for_a_yes_below_high_risk(
    question: Ask, approver: User
) -> None:
    decided = answer(approver, question(), reason="", code="matches")
    cast = decided.votes.get()
    assert (decided.status, cast.reason_code) == ("approved", "matches")
    assert cast.reason == "Checked: matches the records"
    with pytest.raises(Invalid, match="own words"):
        answer(approver, question(risk="high"), reason="", code="matches")


def test_a_no_tells_the_agent_what_to_do_and_needs_words_besides(
    question: Ask, approver: User
) -> None:
    row = question()
    with pytest.raises(Invalid):
        answer(approver, row, "reject", reason="", code="wrong-amount")
    decided = answer(approver, row, "reject", reason="It says 12.", code="wrong-amount")
    assert decided.reason_code == "wrong-amount"
    assert decided.outcome_note == (
        "Wrong amount. Check the amount against the order first. It says 12."
    )


@pytest.mark.parametrize("code", ["no-such", "wrong-amount"])
def test_a_reason_that_is_not_of_the_list_for_this_answer_is_refused(
    question: Ask, approver: User, code: str
) -> None:
    row = question()
    with pytest.raises(Invalid, match="list"):
        answer(approver, row, "approve", code=code)
    row.refresh_from_db()
    assert row.status == "pending"


def test_what_was_decided_keeps_a_reason_that_left_the_list(
    question: Ask, approver: User, administrator: User, stranger: User
) -> None:
    decided = answer(approver, question(), code="matches")
    reason = ReasonCode.objects.get(choice="approve", slug="matches")
    with pytest.raises(NotPermitted):
        retire_reason(actor=stranger, reason=reason)
    retire_reason(actor=administrator, reason=reason)
    with pytest.raises(Conflict):
        retire_reason(actor=administrator, reason=reason)
    assert decided.votes.get().reason_code == "matches"
    with pytest.raises(Invalid):
        answer(approver, question(intent_digest="j" * 64), code="matches")
    save_reason(actor=administrator, choice="approve", slug="matches", words="It fits")
    assert answer(approver, question(intent_digest="k" * 64), code="matches").status == "approved"


def test_the_third_no_to_the_same_wish_is_for_people_to_settle(
    ready: Agent, approver: User, owner: User
) -> None:
    """Two resubmissions at most, then the exception route: those who answer for it are told."""
    for _ in range(3):
        outcome = put(ready, amount=11)
        answer(approver, open_request(), "reject", reason="Too many.", code="wrong-amount")
        gate.resume(action_id=outcome.action_id)
        assert "Check the amount" in Action.objects.get(pk=outcome.action_id).error
    told = Notice.objects.filter(user=owner, title__contains="refused three times")
    assert told.count() == 1
    assert told.get().urgent
    assert LedgerEvent.objects.filter(type="approval.exhausted").count() == 1
    assert put(ready, amount=11).code == "turned_down"
