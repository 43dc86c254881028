"""What members decide among themselves: whether a member is impartial, whether a stopped motion
goes on. By show of hands, recorded with names."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted
from apps.council.models import Answer, Motion, Question
from apps.council.queries import live_seats
from apps.council.rules import CHALLENGE_DAYS, STOPPED_DAYS, recusal, show_of_hands
from apps.council.services import tidings
from apps.council.services.common import days, decline_version, locked, move, said, seat_of
from apps.council.services.ties import ties_for
from apps.council.states import MotionStatus, QuestionKind, QuestionStatus
from apps.ledger.services import record

FEWEST_OTHERS = 2
LONGEST = 300


def impartial_members(motion: Motion) -> list[User]:
    """Those who hold a seat and are not bound to the motion."""
    ties_of = ties_for([motion])
    users = [seat.user for seat in live_seats().order_by("pk")]
    return [user for user in users if not recusal(ties_of(user, motion), motion.klass)]


def put(motion: Motion, *, asked: list[User], period: int, **fields: Any) -> Question:
    moment = now()
    row = Question(
        motion=motion,
        asked=[user.pk for user in asked],
        put_at=moment,
        closes_at=moment + days(period),
        **fields,
    )
    row.save(force_insert=True)
    record(
        type="question.put",
        object=row,
        object_label=str(row)[:200],
        reason=row.reason,
        after={"motion": motion.reference, "kind": row.kind, "asked": len(asked)},
    )
    tidings.asked(row)
    return row


@permitted("council.sit")
@transaction.atomic
def challenge(*, actor: User, motion: Motion, member: User, reason: str) -> Question:
    """A member says that another is not impartial. The others decide before the ballot opens; the
    challenger's own hand is up. A member is challenged once on a motion."""
    row = locked(motion)
    if row.status not in (MotionStatus.DRAFT, MotionStatus.COMMENT, MotionStatus.INQUORATE):
        raise Conflict("Impartiality is challenged before the ballot opens.")
    if seat_of(actor) is None:
        raise NotPermitted("Members of the council challenge one another.")
    if member.pk == actor.pk:
        raise NotPermitted("Declare it yourself, for yourself.")
    reason = said(reason, "Say what binds them.")[:LONGEST]
    free = impartial_members(row)
    if member not in free:
        raise Conflict(f"{member} does not vote on this motion anyway.")
    others = [user for user in free if user.pk != member.pk]
    if len(others) < FEWEST_OTHERS:
        raise Conflict("Too few members are left to decide it.")
    try:
        with transaction.atomic():
            question = put(
                row,
                asked=others,
                period=CHALLENGE_DAYS,
                kind=QuestionKind.IMPARTIAL,
                about=member,
                put_by=actor,
                reason=reason,
            )
    except IntegrityError:
        raise Conflict(f"{member} was challenged on this motion already.") from None
    if actor in others:
        raise_hand(question, actor, yes=True, reason=reason)
    return question


def put_stop(motion: Motion, *, actor: User, reason: str) -> Question:
    """The question that a guardian's stop puts to the council: does the motion go on?"""
    question = put(
        motion,
        asked=impartial_members(motion),
        period=STOPPED_DAYS,
        kind=QuestionKind.STOP,
        put_by=actor,
        reason=reason[:LONGEST],
    )
    if actor.pk in question.asked:
        raise_hand(question, actor, yes=False, reason=reason[:LONGEST])
    return question


@permitted("council.sit")
@transaction.atomic
def answer(*, actor: User, question: Question, yes: bool, reason: str) -> Question:
    """One member's hand, once. More than half of those asked decide at once."""
    locked(question.motion)
    row = Question.objects.select_for_update().select_related("motion").get(pk=question.pk)
    if row.status != QuestionStatus.OPEN or now() >= row.closes_at:
        raise Conflict("This question is decided.", "closed")
    if actor.pk not in row.asked:
        raise NotPermitted("You are not asked here.")
    if Answer.objects.filter(question=row, user=actor).exists():
        raise Conflict("You have answered already.")
    raise_hand(row, actor, yes=yes, reason=reason.strip()[:LONGEST])
    return row


def raise_hand(question: Question, user: User, *, yes: bool, reason: str) -> None:
    Answer(question=question, user=user, label=str(user), yes=yes, reason=reason, at=now()).save(
        force_insert=True
    )
    record(
        type="question.answered",
        object=question,
        object_label=str(question)[:200],
        reason=reason,
        after={"yes": yes},
    )
    settle(question, over=False)


def settle(question: Question, *, over: bool) -> None:
    """Decides what is decided, and does what follows from it."""
    hands = list(Answer.objects.filter(question=question).values_list("yes", flat=True))
    yes, no = hands.count(True), hands.count(False)
    outcome = show_of_hands(len(question.asked), yes, no, over=over)
    if outcome is None:
        return
    note = f"{yes} yes, {no} no, of {len(question.asked)} asked."
    status = QuestionStatus.YES if outcome else QuestionStatus.NO
    moved = Question.objects.filter(pk=question.pk, status=QuestionStatus.OPEN).update(
        status=status, decided_at=now(), outcome_note=note
    )
    if not moved:
        raise Conflict("This question is decided.", "closed")
    question.status, question.outcome_note = status, note
    record(
        type="question.decided",
        object=question,
        object_label=str(question)[:200],
        reason=note,
        after={"outcome": status, "motion": question.motion.reference},
    )
    if question.kind == QuestionKind.STOP:
        go_on_or_not(question, go_on=outcome, note=note)


def go_on_or_not(question: Question, *, go_on: bool, note: str) -> None:
    """A stopped motion goes back to its waiting time, or comes to nothing."""
    motion = locked(question.motion)
    if motion.status != MotionStatus.STOPPED:
        return
    if go_on:
        at = max(now(), motion.effective_at) if motion.effective_at else now()
        move(motion, MotionStatus.WAITING, effective_at=at, note=f"Goes on: {note}")
        return
    reason = f"Stopped by a guardian, and the council did not let it go on: {note}"
    move(motion, MotionStatus.VETOED, note=reason)
    decline_version(motion, reason)


def close_due() -> None:
    """Questions whose time is over, however many have answered."""
    due = Question.objects.filter(status=QuestionStatus.OPEN, closes_at__lte=now())
    for question in due.select_related("motion", "about"):
        with transaction.atomic():
            locked(question.motion)
            question.refresh_from_db(fields=["status"])
            if question.status == QuestionStatus.OPEN:
                settle(question, over=True)
