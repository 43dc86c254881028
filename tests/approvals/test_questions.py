"""Asking before deciding, and handing over to the next shift."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.models import Handover, Notice, Question, Queue
from apps.approvals.queries import handovers
from apps.approvals.services import answer_question, ask_back, claim, hand_over
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from tests.approvals.conftest import Ask, again, answer

pytestmark = pytest.mark.django_db


def asked(question: Ask, approver: User, operator: User) -> Question:
    found = ask_back(
        actor=again(approver), request_id=question().pk, asked=operator, text="Which shelf?"
    )
    assert found is not None
    return found


def test_the_clock_goes_on_while_somebody_is_asked(
    question: Ask, approver: User, operator: User
) -> None:
    row = question()
    until = row.decide_by
    claim(actor=again(approver), request_id=row.pk)
    ask_back(actor=again(approver), request_id=row.pk, asked=operator, text="Which shelf?")
    row.refresh_from_db()
    assert (row.status, row.decide_by, row.holder) == ("pending", until, None)
    told = Notice.objects.get(user=operator)
    assert told.urgent
    assert "Which shelf?" in told.title


def test_the_answer_comes_back_once_and_stands_on_the_item(
    question: Ask, approver: User, operator: User, signed_in: Callable[[User], Client]
) -> None:
    row = asked(question, approver, operator)
    page = signed_in(operator)
    shown = page.get(f"/inbox/questions/{row.pk}")
    assert b"Which shelf?" in shown.content
    page.post(f"/inbox/questions/{row.pk}", {"answer": "The upper one."})
    assert Notice.objects.filter(user=approver, title__contains="The upper one.").exists()
    item = signed_in(approver).get(f"/inbox/C-{row.request.number}").content.decode()
    assert "The upper one." in item
    with pytest.raises(Conflict):
        answer_question(actor=again(operator), question_id=row.pk, answer="The lower one.")
    assert [each.type for each in LedgerEvent.objects.filter(type__contains="question")] == [
        "approval.question_answered"
    ]


def test_only_who_was_asked_answers_and_a_stranger_finds_no_question(
    question: Ask, approver: User, operator: User, stranger: User, signed_in: Callable[..., Client]
) -> None:
    row = asked(question, approver, operator)
    with pytest.raises(NotPermitted):
        answer_question(actor=again(stranger), question_id=row.pk, answer="Mine.")
    page = signed_in(stranger)
    assert page.get(f"/inbox/questions/{row.pk}").status_code == 404
    assert page.post(f"/inbox/questions/{row.pk}", {"answer": "x"}).status_code == 404
    assert page.get("/inbox/questions/" + str(uuid.uuid4())).status_code == 404


def test_an_answer_that_comes_after_the_decision_is_kept(
    question: Ask, approver: User, operator: User
) -> None:
    row = asked(question, approver, operator)
    answer(approver, row.request)
    answer_question(actor=again(operator), question_id=row.pk, answer="The upper one.")
    row.refresh_from_db()
    assert row.answer == "The upper one."
    row.request.refresh_from_db()
    assert row.request.status == "approved"


def test_senseless_questions_are_refused(
    question: Ask, approver: User, operator: User, stranger: User
) -> None:
    row = question()
    ask = {"request_id": row.pk, "asked": operator}
    with pytest.raises(Invalid):
        ask_back(actor=again(approver), **ask, text="  ")
    with pytest.raises(Invalid, match="somebody else"):
        ask_back(actor=again(approver), request_id=row.pk, asked=approver, text="Me?")
    with pytest.raises(NotPermitted):
        ask_back(actor=again(stranger), **ask, text="What is it?")
    ask_back(actor=again(approver), **ask, text="Which shelf?")
    with pytest.raises(Conflict, match="not answered your last"):
        ask_back(actor=again(approver), **ask, text="Well?")


def test_the_next_shift_reads_the_note_and_finds_nothing_held(
    question: Ask, queue: Queue, approver: User, second_approver: User, stranger: User
) -> None:
    row = question()
    claim(actor=again(approver), request_id=row.pk)
    hand_over(actor=again(approver), queue=queue, text="Ask the baker about the books.")
    row.refresh_from_db()
    assert row.holder is None
    assert [note.text for note in handovers(again(second_approver), now())] == [
        "Ask the baker about the books."
    ]
    assert list(handovers(again(stranger), now())) == []
    assert LedgerEvent.objects.get(type="queue.handed_over").after == {"released": 1}


def test_nobody_hands_over_what_is_not_theirs(queue: Queue, stranger: User, approver: User) -> None:
    with pytest.raises(NotPermitted):
        hand_over(actor=again(stranger), queue=queue, text="Mine now.")
    with pytest.raises(Invalid):
        hand_over(actor=again(approver), queue=queue, text=" ")
    assert not Handover.objects.exists()
