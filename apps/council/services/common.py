"""What the council's verbs share: moving a motion, days, seats."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.council.models import Charter, Motion, Seat
from apps.council.queries import live_seats
from apps.council.rules import Constitution, constitution_from
from apps.council.states import MOVES, MotionStatus
from apps.ledger.services import record


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
