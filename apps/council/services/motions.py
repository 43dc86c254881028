"""From a proposal to the ballot: second, comment, object, answer, edit, withdraw."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Ballot, Comment, Declaration, Motion
from apps.council.rules import class_of, loosens
from apps.council.services.common import constitution, days, locked, move, seat_of
from apps.council.states import CommentKind, Kind, MotionStatus, ObjectionStatus
from apps.ledger.services import record
from apps.policies import adoption, proof
from apps.policies.models import PolicyVersion
from apps.policies.states import VersionStatus


@permitted("council.sit")
@transaction.atomic
def second(*, actor: User, motion: Motion) -> Motion:
    """Opens the comment period. Members second; not the proposer."""
    row = locked(motion)
    if seat_of(actor) is None:
        raise NotPermitted("Members of the council second motions.")
    if row.proposer_id == actor.pk:
        raise NotPermitted("Somebody else has to second your motion.")
    period = constitution().periods[row.klass]["comment"]
    move(
        row, MotionStatus.COMMENT, seconder=actor, comment_ends_at=now() + days(period),
        note="Seconded."
    )  # fmt: skip
    return row


@permitted("council.sit")
@transaction.atomic
def comment(*, actor: User, motion: Motion, text: str, kind: str = CommentKind.COMMENT) -> Comment:
    """A comment, an objection (which must be answered before the ballot), or after the ballot a
    dissenting opinion."""
    row = locked(motion)
    if not text.strip():
        raise Invalid("Write something.", fields={"text": ["Write something."]})
    if kind == CommentKind.OBJECTION and row.status != MotionStatus.COMMENT:
        raise Conflict("Objections are raised while the motion is in review.")
    if row.status == MotionStatus.WITHDRAWN:
        raise Conflict("This motion was withdrawn.")
    said = Comment(
        motion=row,
        author=actor,
        author_label=str(actor),
        kind=kind,
        text=text,
        at=now(),
        packet_digest=row.packet_digest,
        status=ObjectionStatus.OPEN if kind == CommentKind.OBJECTION else "",
    )
    said.save(force_insert=True)
    record(type="motion.commented", object=row, reason=text, after={"kind": kind})
    return said


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
def declare(*, actor: User, motion: Motion, reason: str) -> None:
    """A member declares that they are not impartial; they may speak and will not vote."""
    row = locked(motion)
    if row.status not in (MotionStatus.DRAFT, MotionStatus.COMMENT):
        raise Conflict("Conflicts are declared before the ballot opens.")
    if not reason.strip():
        raise Invalid("Say what binds you.", fields={"reason": ["Say what binds you."]})
    Declaration.objects.update_or_create(
        motion=row, user=actor, defaults={"reason": reason[:300], "at": now()}
    )
    record(type="motion.recused", object=row, reason=reason)


@permitted("council.propose")
@transaction.atomic
def withdraw(*, actor: User, motion: Motion, reason: str) -> None:
    """The proposer takes the motion back, before it is closed."""
    row = locked(motion)
    if row.proposer_id != actor.pk:
        raise NotPermitted("Only the proposer withdraws a motion.")
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    move(row, MotionStatus.WITHDRAWN, note=reason)
    decline_version(row, "Withdrawn: " + reason)


def decline_version(motion: Motion, reason: str) -> None:
    """The version of a policy motion that came to nothing."""
    if motion.version_id is None:
        return
    version = PolicyVersion.objects.get(pk=motion.version_id)
    if version.status in (VersionStatus.PROPOSED, VersionStatus.ADOPTED):
        adoption.move_version(version=version, to=VersionStatus.DECLINED, reason=reason)


@permitted("council.propose")
def replace_text(*, actor: User, motion: Motion, version: PolicyVersion, reason: str) -> Motion:
    """An edit: the motion moves to a new version of its policy. The period starts again, and
    ballots already cast are void."""
    if motion.proposer_id != actor.pk:
        raise NotPermitted("Only the proposer changes the text of a motion.")
    if motion.kind != Kind.POLICY or motion.version is None:
        raise Invalid("Only policies have a text.")
    if version.policy_id != motion.version.policy_id:
        raise Invalid("Choose a version of the same policy.")
    if found := proof.obstacles(version):
        raise Invalid(found[0], "not_ready", fields={"version": found})
    with transaction.atomic():
        row = locked(motion)
        if row.status not in (MotionStatus.COMMENT, MotionStatus.BALLOT, MotionStatus.ADOPTED):
            raise Conflict("The text of this motion cannot be changed any more.")
        decline_version(row, f"Replaced in {row.reference}.")
        adoption.move_version(version=version, to=VersionStatus.PROPOSED, reason=reason)
        version.refresh_from_db()
        new_packet(row, proof.dossier(version), reason, version=version)
        return row


def new_packet(motion: Motion, packet: dict[str, Any], reason: str, **changes: Any) -> None:
    """Back to comment with another packet; nothing that was cast on the old one counts."""
    looser = loosens(motion.kind, packet)
    klass = class_of(motion.kind, loosens=looser, new_capability=False)
    changes |= {
        "packet": packet,
        "packet_digest": digest(packet),
        "loosens": looser,
        "klass": klass,
        "comment_ends_at": now() + days(constitution().periods[klass]["comment"]),
        "extended": False,
    }
    voided = Ballot.objects.filter(motion=motion, round=motion.round, void=False).update(void=True)
    if motion.status == MotionStatus.COMMENT:
        Motion.objects.filter(pk=motion.pk).update(**changes)
        for name, value in changes.items():
            setattr(motion, name, value)
    else:
        move(motion, MotionStatus.COMMENT, **changes)
    record(
        type="motion.edited",
        object=motion,
        reason=reason,
        after={"packet": motion.packet_digest, "voided": voided},
    )
