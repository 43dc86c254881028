"""The demonstration's council: five seats in five departments, and a motion to begin with."""

from __future__ import annotations

from apps.access import demo
from apps.access.models import User
from apps.approvals.models import Checkpoint
from apps.common.clock import now
from apps.council.models import Seat
from apps.council.services import certifications, motions, proposals
from apps.ledger.services import record


def seed_council() -> None:
    people = {user.username: user for user in User.objects.all()}
    for username, function in demo.SEATS.items():
        alternate = people.get(demo.ALTERNATES.get(username, ""))
        seat = Seat(user=people[username], function=function, starts_at=now(), alternate=alternate)
        seat.save()
        record(type="seat.given", object=seat, reason="Founding of the council.")
    checkpoint = Checkpoint.objects.filter(slug="payment-approval").first()
    if checkpoint is not None:
        motion = proposals.propose_checkpoint(
            actor=people["operator"],
            checkpoint=checkpoint,
            approvers=2,
            rationale="Two people have looked at each payment for years; agents should not have "
            "it easier.",
        )
        motions.second(actor=people["chair"], motion=motion)
    certifications.keep_certifications()
