"""Alternates of seats. Seats themselves are given and ended by motion alone."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Seat
from apps.council.queries.seats import fit_alternates
from apps.council.services.common import said, seat_of
from apps.council.states import Function
from apps.ledger.services import record


@permitted("council.sit")
@transaction.atomic
def name_alternate(*, actor: User, seat: Seat, user: User | None, reason: str) -> None:
    """Whoever holds the seat, or the chair, names who sits when they do not vote; None takes it
    back. It holds for ballots that open afterwards."""
    own = seat_of(actor)
    if seat.user_id != actor.pk and (own is None or own.function != Function.CHAIR):
        raise NotPermitted("Whoever holds the seat, or the chair, names its alternate.")
    reason = said(reason)
    row = Seat.lock(seat.pk)
    if user is not None and user not in fit_alternates([row])[row.pk]:
        words = f"{user} cannot stand by for this seat."
        raise Invalid(words, fields={"user": [words]})
    before = row.alternate
    with acting(reason=reason):
        if not row.compare_and_set(where={"ends_at": None}, alternate=user):
            raise Conflict("This seat has ended.")
        record(
            type="seat.alternate_named",
            object=row,
            reason=reason,
            before={"alternate": str(before or "")},
            after={"alternate": str(user or "")},
        )
