"""What the council's verbs share: moving a motion, days, seats."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings

from apps.access.models import User
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.council.models import Charter, Motion, Question, Seat
from apps.council.queries import live_seats
from apps.council.rules import Constitution, constitution_from
from apps.council.services import tidings
from apps.council.states import MOVES, MotionStatus, QuestionStatus
from apps.ledger.services import record
from apps.policies import adoption
from apps.policies.models import PolicyVersion
from apps.policies.states import VersionStatus


def days(number: int) -> dt.timedelta:
    """Council days: a day, or a minute in the demonstration."""
    return dt.timedelta(seconds=number * int(settings.COUNCIL["DAY_SECONDS"]))


def constitution() -> Constitution:
    """The council's own rules as they stand now."""
    row = Charter.objects.first()
    return constitution_from(row.values if row else {})


def seat_of(user: User) -> Seat | None:
    return live_seats().filter(user=user).first()


def locked(motion: Motion) -> Motion:
    """The motion's row, locked until the transaction ends."""
    return Motion.objects.select_for_update().get(pk=motion.pk)


def move(motion: Motion, to: str, *, note: str = "", **changes: Any) -> None:
    """One guarded UPDATE and its event. Raises Conflict when somebody was faster."""
    if to not in MOVES[motion.status]:
        words = MotionStatus(motion.status).label.lower()
        raise Conflict(f"{motion.reference} is {words}; this is not possible any more.")
    ended = to in (
        MotionStatus.DEFEATED, MotionStatus.VETOED, MotionStatus.WITHDRAWN, MotionStatus.EFFECTIVE,
    )  # fmt: skip
    if ended:
        changes["ended_at"] = now()
        Question.objects.filter(motion=motion, status=QuestionStatus.OPEN).update(
            status=QuestionStatus.NO, decided_at=now(), outcome_note="The motion ended."
        )
    if note:
        changes["outcome_note"] = note
    rows = Motion.objects.filter(pk=motion.pk, status=motion.status).update(status=to, **changes)
    if not rows:
        raise Conflict("Somebody else has just moved this motion.")
    before = motion.status
    motion.status = to
    for name, value in changes.items():
        setattr(motion, name, value)
    record(
        type="motion.moved",
        object=motion,
        reason=note,
        before={"status": before},
        after={"status": to, "packet": motion.packet_digest, "round": motion.round},
    )
    tidings.moved(motion)


def matter_of(motion: Motion, version: PolicyVersion | None) -> str:
    """The digest of what would change, which two packets or two motions may share."""
    changes = {"text": version.text} if version is not None else motion.payload
    return digest({"subject": motion.subject, "changes": changes})


def refuse_unchanged(subject: str, matter: str) -> None:
    """What came to no quorum twice may come back with a change only."""
    missed = Motion.objects.filter(
        subject=subject, matter=matter, status=MotionStatus.DEFEATED, misses__gt=1
    ).first()
    if missed is not None:
        raise Conflict(f"{missed.reference} asked for exactly this, and two ballots had no quorum.")


def decline_version(motion: Motion, reason: str) -> None:
    """The version of a policy motion that came to nothing."""
    if motion.version_id is None:
        return
    version = PolicyVersion.objects.get(pk=motion.version_id)
    if version.status in (VersionStatus.PROPOSED, VersionStatus.ADOPTED):
        adoption.move_version(version=version, to=VersionStatus.DECLINED, reason=reason)


def said(reason: str, sentence: str = "Say why.", field: str = "reason") -> str:
    """A reason without blanks around it. Raises Invalid when there is none."""
    if not reason.strip():
        raise Invalid(sentence, fields={field: [sentence]})
    return reason.strip()
