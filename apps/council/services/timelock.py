"""Between the vote and its effect: the waiting time, a guardian's stop, and what the system does
at its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted, Refused
from apps.council.models import Motion
from apps.council.services.ballots import stale
from apps.council.services.common import constitution, locked, move, said, seat_of
from apps.council.services.effects import take_effect
from apps.council.services.motions import new_packet
from apps.council.services.questions import put_stop
from apps.council.states import MotionStatus
from apps.policies import adoption, proof
from apps.policies.backtests import running_backtest, start_backtest
from apps.policies.services import copy_version
from apps.policies.states import VersionStatus

log = logging.getLogger(__name__)

PAUSES_AT, FEWEST_ACTIONS = 0.1, 20


@permitted("council.sit")
@transaction.atomic
def stop(*, actor: User, motion: Motion, reason: str) -> None:
    """A guardian stops an adopted motion in its waiting time; the council decides within five days
    whether it goes on. The same text is stopped once, whatever packet or motion brings it."""
    row = locked(motion)
    seat = seat_of(actor)
    if seat is None or seat.function not in constitution().guardians:
        raise NotPermitted("Only the guardians stop a motion in its waiting time.")
    reason = said(reason)
    before = Motion.objects.filter(subject=row.subject).exclude(stopped_matter="")
    if before.filter(stopped_matter=row.matter).exists():
        raise Conflict("This text was stopped once already.")
    move(
        row,
        MotionStatus.STOPPED,
        stopped_matter=row.matter,
        note=f"Stopped by {actor}: {reason}",
    )
    put_stop(row, actor=actor, reason=reason)


def looked_at_again(motion: Motion) -> str | None:
    """Whether what happened since the vote bears the text out: None while the backtest runs, ""
    when it does, else a sentence. What was voted on must not decide otherwise a tenth of the
    actions more (or fewer) than members read, nor allow what a person has rejected meanwhile."""
    version = motion.version
    if version is None or stale(motion):
        return ""
    found = proof.fresh_backtest(version)
    if found is None or motion.effective_at is None or found.created_at < motion.effective_at:
        if not running_backtest(version):
            start_backtest(actor=None, version=version)
        return None
    if found.blocking:
        return f"It would allow {found.blocking} recorded actions that a person rejected."
    before = share_of_flips(motion.packet.get("backtest") or {"summary": {}, "done": 0})
    after = share_of_flips({"summary": found.summary, "done": found.done})
    if found.done >= FEWEST_ACTIONS and abs(after - before) > PAUSES_AT:
        return (
            f"It decides {after:.0%} of the recorded actions otherwise; members read {before:.0%}."
        )
    return ""


def share_of_flips(told: Mapping[str, Any]) -> float:
    flips = sum(told["summary"].get("pairs", {}).values())
    return flips / told["done"] if told["done"] else 0.0


def put_in_effect(motion: Motion) -> None:
    """Adopted and waited for: the system puts it in effect, or tells the council why it cannot."""
    doubt = looked_at_again(motion)
    if doubt is None:
        return
    label = f"council {motion.reference}"
    with acting(kind="system", label=label, trigger=str(motion.pk)):
        try:
            with transaction.atomic():
                row = locked(motion)
                due = row.effective_at is not None and row.effective_at <= now()
                if row.status != MotionStatus.WAITING or not due:
                    return
                if stale(row):
                    back_to_comment(row)
                    return
                if doubt:
                    raise Conflict(doubt)
                take_effect(row)
                move(row, MotionStatus.EFFECTIVE, note=row.outcome_note)
        except Refused as error:
            with transaction.atomic():
                row = locked(motion)
                move(row, MotionStatus.ADOPTED, note=f"Could not take effect: {error.sentence}")


def back_to_comment(motion: Motion) -> None:
    """The base changed during the waiting time: rebase, and a new ballot."""
    if motion.version is None:
        return
    adoption.move_version(
        version=motion.version, to=VersionStatus.DECLINED, reason="The base changed."
    )
    fresh = copy_version(version=motion.version)
    new_packet(
        motion,
        proof.dossier(fresh),
        "Rebased: something else came into force during the waiting time.",
        version=fresh,
    )
