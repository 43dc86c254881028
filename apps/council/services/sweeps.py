"""What is due: questions are settled, ballots open and close, motions take effect. Beat calls it; a
lost call costs an interval."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Q

from apps.common.clock import now
from apps.common.errors import Refused
from apps.council.models import Motion
from apps.council.services import questions
from apps.council.services.ballots import close_due, open_ballot, stale
from apps.council.services.common import locked
from apps.council.services.motions import new_packet
from apps.council.services.timelock import put_in_effect
from apps.council.states import Kind, MotionStatus, ObjectionStatus
from apps.policies import proof
from apps.policies.backtests import running_backtest, start_backtest

BEFORE = (MotionStatus.COMMENT, MotionStatus.INQUORATE)
log = logging.getLogger(__name__)


def sweep() -> None:
    questions.close_due()
    open_due()
    close_due()
    due = Motion.objects.filter(status=MotionStatus.WAITING, effective_at__lte=now())
    for motion in due.select_related("version__policy"):
        put_in_effect(motion)


def open_due() -> None:
    """Motions whose period is over, without an objection that waits for an answer; and second
    ballots."""
    ready = Motion.objects.filter(status__in=BEFORE, comment_ends_at__lte=now())
    waiting = Q(comments__status=ObjectionStatus.OPEN)
    for motion in ready.exclude(waiting):
        try:
            if needs_rebase(motion):
                rebase(motion)
            else:
                open_ballot(actor=None, motion=motion)
        except Refused:
            log.info("%s does not open yet.", motion.reference)


def needs_rebase(motion: Motion) -> bool:
    return stale(motion) or (motion.kind == Kind.POLICY and motion.packet.get("backtest") is None)


def rebase(motion: Motion) -> None:
    """Something else came into force: a backtest against it first, then the packet is made anew
    and the period starts again."""
    if motion.version is None:
        return
    if proof.fresh_backtest(motion.version) is None:
        if not running_backtest(motion.version):
            start_backtest(actor=None, version=motion.version)
        return
    with transaction.atomic():
        row = locked(motion)
        if row.version is not None and row.status in BEFORE and needs_rebase(row):
            packet = proof.dossier(row.version)
            new_packet(row, packet, "Rebased: something else came into force.")
