"""Asking back, answering, and telling the next shift."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.urls import reverse

from apps.access.models import User
from apps.approvals import notices, queries
from apps.approvals.models import ApprovalRequest, Handover, Question, Queue
from apps.approvals.services.answers import answered_seed
from apps.approvals.services.requests import locked, refuse_unless_eligible, url_of
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record

LONGEST = 2_000


@transaction.atomic
def ask_back(*, actor: User, request_id: uuid.UUID, asked: User, text: str) -> Question | None:
    """An approver asks somebody before deciding. The request is parked in sight of everybody and
    its clock goes on; the person who is asked is told, and sees the question with its title.
    None where it was a known-answer item."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise Invalid("Write a question.", fields={"text": ["Write a question."]})
    if answered_seed(actor, request_id, text):
        return None
    request = locked(request_id)
    refuse_unless_eligible(actor, request)
    if asked.pk == actor.pk or not asked.is_active:
        raise Invalid("Ask somebody else.", fields={"asked": ["Ask somebody else."]})
    if request.questions.filter(asker=actor, asked=asked, answered_at=None).exists():
        raise Conflict(f"{asked} has not answered your last question yet.")
    question = Question.objects.create(
        request=request, asker=actor, asked=asked, text=text, at=now()
    )
    ApprovalRequest.objects.filter(pk=request.pk, holder=actor, status="pending").update(
        holder=None, lease_until=None
    )
    record(type="approval.asked_back", object=request, reason=text, after={"asked": str(asked)})
    notices.tell(
        users=[asked],
        title=f"{actor} asks about {request.reference}: {text}",
        url=reverse("approvals:question", args=[question.pk]),
        urgent=True,
    )
    return question


@transaction.atomic
def answer_question(*, actor: User, question_id: uuid.UUID, answer: str) -> Question:
    """The answer of the person who was asked, once; the asker is told. It comes too late where the
    request is decided, and is kept all the same."""
    answer = answer.strip()
    if not answer or len(answer) > LONGEST:
        raise Invalid("Write an answer.", fields={"answer": ["Write an answer."]})
    question = Question.objects.select_related("request", "asker").get(pk=question_id)
    if question.asked_id != actor.pk:
        raise NotPermitted("Somebody else was asked.")
    answered = Question.objects.filter(pk=question.pk, answered_at=None).update(
        answer=answer, answered_by=actor, answered_at=now()
    )
    if not answered:
        raise Conflict("It was answered already.")
    request = question.request
    record(type="approval.question_answered", object=request, reason=answer)
    notices.tell(
        users=[question.asker],
        title=f"{actor} answered about {request.reference}: {answer}",
        url=url_of(request),
        urgent=True,
    )
    question.refresh_from_db()
    return question


@transaction.atomic
def hand_over(*, actor: User, queue: Queue, text: str) -> Handover:
    """The note of one shift to the next. Whatever the author holds in the queue is put back."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise Invalid("Write what the next shift should know.", fields={"text": ["Write a note."]})
    if queue.pk not in queries.queue_ids(actor):
        raise NotPermitted("You may not decide in this queue.")
    note = Handover.objects.create(queue=queue, author=actor, text=text, at=now())
    freed = ApprovalRequest.objects.filter(queue=queue, holder=actor, status="pending").update(
        holder=None, lease_until=None
    )
    record(type="queue.handed_over", object=queue, reason=text, after={"released": freed})
    return note
