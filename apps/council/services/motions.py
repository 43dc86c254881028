"""From a proposal to the ballot: second, stand back, edit, withdraw."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Ballot, Declaration, Motion
from apps.council.rules import class_of, loosens
from apps.council.services import tidings
from apps.council.services.common import (
    constitution,
    days,
    decline_version,
    locked,
    matter_of,
    move,
    refuse_unchanged,
    said,
    seat_of,
)
from apps.council.services.counting import counted
from apps.council.states import Kind, MotionStatus
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


BEFORE_THE_BALLOT = (MotionStatus.DRAFT, MotionStatus.COMMENT, MotionStatus.INQUORATE)


@permitted("council.sit")
@transaction.atomic
def declare(*, actor: User, motion: Motion, reason: str) -> None:
    """A member declares that they are not impartial; they may speak and will not vote."""
    row = locked(motion)
    if row.status not in BEFORE_THE_BALLOT:
        raise Conflict(
            "Conflicts are declared before the ballot opens; abstain, and say what binds you."
        )
    stand_back(row, actor, said(reason, "Say what binds you."), away=False)


@permitted("council.sit")
@transaction.atomic
def leave_to_alternate(*, actor: User, motion: Motion, reason: str) -> None:
    """A member who is away leaves the vote on a motion to the alternate of their seat."""
    row = locked(motion)
    if row.status not in BEFORE_THE_BALLOT:
        raise Conflict("An alternate is named before the ballot opens.")
    seat = seat_of(actor)
    if seat is None or seat.alternate is None:
        raise Conflict("Your seat has no alternate; name one first.")
    stand_back(row, actor, said(reason), away=True)
    tidings.tell(row, [seat.alternate], f"You sit for {actor}")


def stand_back(motion: Motion, user: User, reason: str, *, away: bool) -> None:
    Declaration.objects.update_or_create(
        motion=motion, user=user, defaults={"reason": reason[:300], "away": away, "at": now()}
    )
    record(type="motion.recused", object=motion, reason=reason, after={"away": away})


@permitted("council.propose")
@transaction.atomic
def withdraw(*, actor: User, motion: Motion, reason: str) -> None:
    """The proposer takes the motion back, before it is closed. What was voted so far is counted
    and published."""
    row = locked(motion)
    if row.proposer_id != actor.pk:
        raise NotPermitted("Only the proposer withdraws a motion.")
    reason = said(reason)
    changes: dict[str, Any] = {}
    if row.status == MotionStatus.BALLOT:
        if row.ballot_closes_at is not None and now() >= row.ballot_closes_at:
            raise Conflict("The ballot has closed.", "closed")
        changes = {"result": counted(row)[1], "closed_at": now()}
    move(row, MotionStatus.WITHDRAWN, note=reason, **changes)
    decline_version(row, "Withdrawn: " + reason)


EDITABLE = (
    MotionStatus.COMMENT, MotionStatus.BALLOT, MotionStatus.ADOPTED, MotionStatus.INQUORATE,
)  # fmt: skip


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
        if row.status not in EDITABLE:
            raise Conflict("The text of this motion cannot be changed any more.")
        decline_version(row, f"Replaced in {row.reference}.")
        adoption.move_version(version=version, to=VersionStatus.PROPOSED, reason=reason)
        version.refresh_from_db()
        matter = matter_of(row, version)
        refuse_unchanged(row.subject, matter)
        packet = proof.dossier(version)
        new_packet(row, packet, reason, version=version, matter=matter, misses=0)
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
