"""What is said of a motion: comments, objections and their answers, dissenting opinions."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Comment, Motion
from apps.council.queries import electorate_of, votes_of
from apps.council.rules import COUNTS_AS, DISSENT_DAYS
from apps.council.services.common import days, locked, said, seat_of
from apps.council.states import CommentKind, MotionStatus, ObjectionStatus
from apps.ledger.services import record


@permitted("council.sit")
@transaction.atomic
def comment(*, actor: User, motion: Motion, text: str, kind: str = CommentKind.COMMENT) -> Comment:
    """A comment, an objection (which must be answered before the ballot), or within two days of
    the count a dissenting opinion of whoever voted otherwise."""
    row = locked(motion)
    said(text, "Write something.", "text")
    if row.status == MotionStatus.WITHDRAWN:
        raise Conflict("This motion was withdrawn.")
    if kind == CommentKind.OBJECTION and row.status != MotionStatus.COMMENT:
        raise Conflict("Objections are raised while the motion is in review.")
    if kind == CommentKind.DISSENT and not may_dissent(actor, row):
        raise Conflict("Dissent is recorded by those who voted otherwise, for two days.")
    made = Comment(
        motion=row,
        author=actor,
        author_label=str(actor),
        kind=kind,
        text=text,
        at=now(),
        packet_digest=row.packet_digest,
        status=ObjectionStatus.OPEN if kind == CommentKind.OBJECTION else "",
    )
    made.save(force_insert=True)
    record(type="motion.commented", object=row, reason=text, after={"kind": kind})
    return made


def may_dissent(actor: User, motion: Motion) -> bool:
    """Whether the motion was counted within two days, and otherwise than the member voted."""
    outcome = motion.result.get("outcome", "")
    if motion.closed_at is None or now() > motion.closed_at + days(DISSENT_DAYS):
        return False
    if outcome not in ("adopted", "defeated", "vetoed"):
        return False
    votes = {vote.person: vote.choice for vote in votes_of(motion)}
    mine = COUNTS_AS.get(votes.get(actor.pk, ""), votes.get(actor.pk, ""))
    voters = {elector.person for elector in electorate_of(motion) if not elector.recused}
    won = "for" if outcome == "adopted" else "against"
    return actor.pk in voters and mine not in ("", won)


ANSWERS = {"accepted": "Accepted", "mitigated": "Mitigated", "dismissed": "Dismissed"}


@permitted("council.propose")
@transaction.atomic
def answer(*, actor: User, objection: Comment, text: str, kind: str) -> None:
    """The proposer's or chair's answer to an objection. Addressed need not mean accommodated."""
    row = locked(objection.motion)
    seat = seat_of(actor)
    if actor.pk != row.proposer_id and not (seat and seat.function == "chair"):
        raise NotPermitted("The proposer or the chair answers objections.")
    if actor.pk == objection.author_id:
        raise NotPermitted("Nobody answers their own objection.")
    if kind not in ANSWERS or not text.strip():
        raise Invalid("Say how it was dealt with, and why.", fields={"answer": ["Say why."]})
    moved = Comment.objects.filter(pk=objection.pk, status=ObjectionStatus.OPEN).update(
        status=ObjectionStatus.ANSWERED,
        answer=text,
        answer_kind=kind,
        answered_by_label=str(actor),
        answered_at=now(),
    )
    if not moved:
        raise Conflict("This objection is not open any more.")
    record(type="motion.answered", object=row, reason=text, after={"kind": kind})


@permitted("council.sit")
@transaction.atomic
def withdraw_objection(*, actor: User, objection: Comment) -> None:
    """Only whoever raised it."""
    row = locked(objection.motion)
    moved = Comment.objects.filter(
        pk=objection.pk, author=actor, status=ObjectionStatus.OPEN
    ).update(status=ObjectionStatus.WITHDRAWN)
    if not moved:
        raise Conflict("This objection is not open, or not yours.")
    record(type="motion.answered", object=row, after={"kind": "withdrawn"})


@permitted("council.sit")
@transaction.atomic
def escalate_objection(*, actor: User, objection: Comment) -> None:
    """Whoever raised it does not accept the answer: it goes before the council as it stands, on
    the agenda and beside the ballot. It does not keep the ballot shut."""
    row = locked(objection.motion)
    if row.status != MotionStatus.COMMENT:
        raise Conflict("The ballot is no longer to come.")
    moved = Comment.objects.filter(
        pk=objection.pk, author=actor, status=ObjectionStatus.ANSWERED
    ).update(status=ObjectionStatus.ESCALATED)
    if not moved:
        raise Conflict("This objection has no answer yet, or is not yours.")
    record(type="motion.answered", object=row, after={"kind": "escalated"})
