"""Many people at the same moment: nothing is lost, nothing is decided or done twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from apps.access.models import User
from apps.approvals import notices
from apps.approvals.models import ApprovalRequest, Queue, Vote
from apps.approvals.services import Lost, cancel_for_agent, claim, dispatch, entrust, requests, undo
from apps.common.errors import NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from tests import races
from tests.approvals.conftest import Ask, again, answer, time_passes
from tests.conftest import person

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
TIMES = 5


def at_once(*acts: Callable[[], str]) -> list[str]:
    return races.at_once(*acts, told=code_of)


def code_of(error: BaseException) -> str:
    return error.code if isinstance(error, (Lost, NotPermitted)) else repr(error)


def saying(user: User, row: ApprovalRequest, choice: str = "approve", **more: Any) -> Any:
    return lambda: answer(user, row, choice, **more).status


def test_of_a_yes_and_a_no_at_once_the_no_ends_it_where_two_are_needed(
    question: Ask, approver: User, second_approver: User
) -> None:
    """1.4: one approves and one rejects at once (N = 2)."""
    for number in range(TIMES):
        row = question(approvers=2, intent_digest=f"{number:064d}")
        results = at_once(saying(approver, row), saying(second_approver, row, "reject"))
        row.refresh_from_db()
        assert row.status == "rejected"
        assert sorted(results) in (["pending", "rejected"], ["decided", "rejected"])
        assert row.votes.count() == (2 if "pending" in results else 1)


def test_eight_people_clear_many_items_and_none_is_lost_or_decided_twice(
    question: Ask, queue: Queue, department: Any
) -> None:
    """Acceptance 1, at length: everybody goes for every item, in an order of their own."""
    people = [person(department, f"approver-{number}", "approver") for number in range(8)]
    for each in people:
        entrust(actor=None, queue=queue, user=each, reason="Cast")
    rows = [question(intent_digest=f"{number:064d}") for number in range(12)]

    def clear(number: int) -> str:
        won = 0
        for row in rows[number:] + rows[:number]:
            try:
                won += answer(people[number], row).status == "approved"
            except (Lost, NotPermitted):
                continue
        return str(won)

    results = at_once(*[lambda number=number: clear(number) for number in range(8)])
    assert sum(int(won) for won in results) == len(rows)
    assert set(ApprovalRequest.objects.values_list("status", flat=True)) == {"approved"}
    assert set(Counter(Vote.objects.values_list("request_id", flat=True)).values()) == {1}
    assert LedgerEvent.objects.filter(type="approval.approved").count() == len(rows)


def test_an_approval_is_either_used_or_taken_back(
    question: Ask, approver: User, settings: Any
) -> None:
    """The while is over at some moment; whoever comes first has it, and never both."""
    for number in range(TIMES):
        settings.COUNCIL = {**settings.COUNCIL, "DISPATCH_SECONDS": 10}
        row = answer(approver, question(intent_digest=f"{number:064d}"))
        if number % 2:
            time_passes(row, "dispatch_at")
        results = at_once(
            lambda row=row: str(dispatch(request_id=row.pk, action_digest=row.action_digest)),
            lambda row=row: undo(actor=again(approver), request_id=row.pk).status,
        )
        row.refresh_from_db()
        used = row.execution == "dispatched"
        assert sorted(results) == (["True", "used"] if used else ["False", "pending"])
        assert used == bool(number % 2)


def test_two_that_take_back_the_same_approval_open_one_question(
    question: Ask, approver: User, second_approver: User, second_thoughts: None
) -> None:
    row = question(approvers=2)
    answer(approver, row)
    answer(second_approver, row)
    back = [
        lambda who=who: undo(actor=again(who), request_id=row.pk).status
        for who in (approver, second_approver)
    ]
    assert sorted(at_once(*back)) == ["pending", "used"]
    assert ApprovalRequest.objects.filter(supersedes=row).count() == 1


def test_a_claim_that_ran_out_is_taken_over_by_one_and_the_fence_refuses_the_earlier_holder(
    question: Ask, approver: User, second_approver: User, department: Any, queue: Queue
) -> None:
    """Acceptance 3."""
    third = person(department, "third", "approver")
    entrust(actor=None, queue=queue, user=third, reason="Cast")
    row = question(approvers=2)
    first = claim(actor=again(approver), request_id=row.pk)
    time_passes(row, "lease_until")
    take = [
        lambda who=who: claim(actor=again(who), request_id=row.pk).status
        for who in (second_approver, third)
    ]
    assert sorted(at_once(*take)) == ["claimed", "pending"]
    row.refresh_from_db()
    assert row.fence == first.fence + 1
    assert row.holder is not None
    results = at_once(
        saying(approver, row, fence=first.fence), saying(row.holder, row, fence=row.fence)
    )
    assert results.count("pending") == 1
    assert {"claimed", "fence"} & set(results)
    assert row.votes.get().voter == row.holder


def test_questions_are_withdrawn_by_two_while_people_answer_and_read(
    question: Ask, agent: Agent, approver: User, second_approver: User, monkeypatch: Any
) -> None:
    """Containment and the sweep withdraw at once, a few in one transaction, and nobody's answer or
    reading of notes gets in their way, or they in its."""
    monkeypatch.setattr(requests, "ENDED_AT_ONCE", 4)
    rows = [question(intent_digest=f"{number:064d}") for number in range(10)]

    def withdraw() -> str:
        return str(cancel_for_agent(agent_id=agent.pk, reason_code="agent_suspended"))

    def clear() -> str:
        won = 0
        for row in reversed(rows):
            try:
                won += answer(approver, row).status == "approved"
            except Lost:
                continue
        return str(won)

    def read() -> str:
        for _ in rows:
            notices.open_all(user=second_approver)
        return "0"

    results = at_once(withdraw, withdraw, clear, read)
    assert sum(int(won) for won in results) == len(rows)
    states = Counter(ApprovalRequest.objects.values_list("status", flat=True))
    assert states["cancelled"] + states["approved"] == len(rows)
    assert LedgerEvent.objects.filter(type="approval.cancelled").count() == states["cancelled"]


def test_a_question_in_somebodys_hand_holds_up_no_other(
    question: Ask, agent: Agent, monkeypatch: Any
) -> None:
    """What can be withdrawn is withdrawn before the one that somebody holds is waited for."""
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("SQLite has one writer at a time and no locks of rows.")
    monkeypatch.setattr(requests, "ENDED_AT_ONCE", 2)
    rows = [question(intent_digest=f"{number:064d}") for number in range(5)]
    open_ones = ApprovalRequest.objects.filter(status="pending")
    held, seen = threading.Event(), []

    def hold() -> str:
        with transaction.atomic():
            requests.locked(rows[0].pk)
            held.set()
            until = time.monotonic() + 20
            while open_ones.count() > 1 and time.monotonic() < until:
                time.sleep(0.02)
            seen.append(list(open_ones.values_list("pk", flat=True)))
        return "held"

    def withdraw() -> str:
        assert held.wait(timeout=20)
        return str(cancel_for_agent(agent_id=agent.pk, reason_code="agent_suspended"))

    assert sorted(at_once(hold, withdraw)) == ["5", "held"]
    assert seen == [[rows[0].pk]]
