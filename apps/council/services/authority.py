"""Where too few members may vote, the authority that the council's rules name decides."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted
from apps.council.models import Motion
from apps.council.rules import recusal
from apps.council.services.ballots import adopt
from apps.council.services.common import constitution, decline_version, locked, move, said
from apps.council.services.ties import ties_for
from apps.council.states import MotionStatus
from apps.ledger.services import record


def is_authority(user: User) -> bool:
    return bool(user.username) and user.username == constitution().authority


@permitted("council.view")
@transaction.atomic
def decide_escalated(
    *, actor: User, motion: Motion, adopted: bool, reason: str, packet_digest: str
) -> None:
    """Adopts or declines an escalated motion, with a reason. Whoever is bound to it does not."""
    row = locked(motion)
    if not is_authority(actor):
        raise NotPermitted("The authority that the council's rules name decides this.")
    bound = recusal(ties_for([row])(actor, row), row.klass)
    if bound or row.proposer_id == actor.pk:
        raise NotPermitted(f"You do not decide this: {bound or 'You proposed it.'}")
    if row.status != MotionStatus.ESCALATED:
        raise Conflict(f"{row.reference} is not escalated.")
    if packet_digest != row.packet_digest:
        raise Conflict("The text has changed since you opened it; read it again.", "stale_packet")
    note = f"Decided by {actor} in the council's place: {said(reason)}"
    record(type="motion.escalated", object=row, reason=reason, after={"adopted": adopted})
    if adopted:
        adopt(row, note, closed_at=now())
        return
    move(row, MotionStatus.DEFEATED, note=note, closed_at=now())
    decline_version(row, note)
