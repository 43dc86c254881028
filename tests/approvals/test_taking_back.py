"""Between the yes and its use: a short while in which it can be taken back."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import Lost, dispatch, note_look, undo, undo_many, vote_many
from apps.common.errors import NotPermitted
from apps.ledger.models import LedgerEvent
from apps.policies.models import JudgedRequest
from apps.registry.models import Agent
from apps.runtime import gate, outside
from apps.runtime.models import Action
from tests.approvals.conftest import Ask, again, answer, open_request, time_passes
from tests.runtime.test_the_gate import put
from tests.support import Shelf

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("second_thoughts")]


def test_an_approval_waits_before_it_is_used(ready: Agent, shelf: Shelf, approver: User) -> None:
    outcome = put(ready, amount=11)
    decided = answer(approver, open_request())
    assert gate.resume(action_id=outcome.action_id).status == "waiting"
    assert not dispatch(request_id=decided.pk, action_digest=decided.action_digest)
    assert outside.go_on() == 0
    assert shelf.stock == {}
    time_passes(decided, "dispatch_at")
    assert outside.go_on() == 1
    assert shelf.stock == {"book": 11}


def test_taken_back_in_time_nothing_happens_and_the_question_is_open_again(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    outcome = put(ready, amount=11)
    decided = answer(approver, open_request())
    reopened = undo(actor=approver, request_id=decided.pk)
    decided.refresh_from_db()
    assert (decided.status, decided.execution) == ("approved", "withdrawn")
    assert (reopened.status, reopened.supersedes, reopened.origin) == (
        "pending", decided, "withdrawn",
    )  # fmt: skip
    assert reopened.action_digest == decided.action_digest
    time_passes(decided, "dispatch_at")
    outside.go_on()
    assert shelf.stock == {}
    assert Action.objects.get(pk=outcome.action_id).approval_id == reopened.pk
    assert LedgerEvent.objects.filter(type="approval.withdrawn").count() == 1
    assert JudgedRequest.objects.get().answer == ""


def test_the_second_yes_is_used_as_the_first_would_have_been(
    ready: Agent, shelf: Shelf, approver: User
) -> None:
    put(ready, amount=11)
    first = undo(actor=approver, request_id=answer(approver, open_request()).pk)
    second = answer(approver, first)
    time_passes(second, "dispatch_at")
    outside.go_on()
    assert shelf.stock == {"book": 11}
    second.refresh_from_db()
    assert second.execution == "succeeded"


def test_only_those_who_said_yes_take_it_back(
    question: Ask, approver: User, second_approver: User, owner: User
) -> None:
    decided = answer(approver, question())
    for person in (second_approver, owner):
        with pytest.raises(NotPermitted):
            undo(actor=person, request_id=decided.pk)


def test_each_of_two_voters_can_take_it_back(
    question: Ask, approver: User, second_approver: User
) -> None:
    row = question(approvers=2)
    answer(approver, row)
    answer(second_approver, row)
    opened = undo(actor=approver, request_id=row.pk)
    assert opened.votes.count() == 0
    assert opened.approvers_needed == 2


def test_after_the_while_it_is_too_late(question: Ask, approver: User) -> None:
    decided = time_passes(answer(approver, question()), "dispatch_at")
    with pytest.raises(Lost, match="too late"):
        undo(actor=approver, request_id=decided.pk)


def test_a_no_has_nothing_to_take_back(question: Ask, approver: User) -> None:
    decided = answer(approver, question(), "reject")
    with pytest.raises(NotPermitted):
        undo(actor=approver, request_id=decided.pk)


def test_decisions_made_together_are_taken_back_together(
    question: Ask, approver: User, reasons: None
) -> None:
    rows = [question(intent_digest=f"{n:064d}") for n in range(4)]
    for row in rows[:2]:
        note_look(actor=approver, request_id=row.pk)
    items = [(row.pk, row.action_digest) for row in rows]
    results = vote_many(
        actor=again(approver), items=items, choice="approve", reason="", code="matches"
    )
    assert all(result.done for result in results)
    time_passes(rows[0], "dispatch_at")
    bulk = rows[0].votes.get().bulk_id
    assert bulk is not None
    opened, late = undo_many(actor=again(approver), bulk_id=bulk)
    assert (len(opened), late) == (3, 1)
    assert ApprovalRequest.objects.filter(status="pending").count() == 3


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_of_use_and_taking_back_at_once_one_wins(question: Ask, approver: User) -> None:
    decided = answer(approver, question())
    results: list[str] = []
    start = threading.Barrier(2)

    def use() -> None:
        start.wait()
        try:
            ok = dispatch(request_id=decided.pk, action_digest=decided.action_digest)
            results.append("used" if ok else "not used")
        finally:
            connection.close()

    def back() -> None:
        start.wait()
        try:
            undo(actor=approver, request_id=decided.pk)
            results.append("taken back")
        except Lost:
            results.append("late")
        finally:
            connection.close()

    threads = [threading.Thread(target=each) for each in (use, back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["not used", "taken back"]


def test_the_page_offers_it_with_the_time_that_is_left_and_works_without_script(
    question: Ask, approver: User, signed_in: Any
) -> None:
    row = question()
    client = signed_in(approver)
    page = client.post(
        f"/inbox/C-{row.number}/decide",
        {"choice": "approve", "reason": "Seen.", "digest": row.action_digest},
        follow=True,
    ).content.decode()
    assert f'action="/inbox/C-{row.number}/undo"' in page
    assert "data-seconds" in page
    assert client.get(f"/inbox/C-{row.number}/undo").status_code == 405
    after = client.post(f"/inbox/C-{row.number}/undo", follow=True).content.decode()
    assert "open again" in after
    row.refresh_from_db()
    assert row.execution == "withdrawn"
