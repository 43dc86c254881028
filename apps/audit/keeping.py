"""What people may do to the record itself: have it verified, hold it, erase what somebody typed."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.audit.index.writing import start_over
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid
from apps.ledger import retention, verifying
from apps.ledger.models import Hold, Verification
from apps.ledger.services import record


@permitted("audit.view")
def ask_for_verification(*, actor: User) -> Verification:
    return verifying.ask()


@permitted("records.keep")
@transaction.atomic
def open_hold(*, actor: User, name: str, basis: str) -> Hold:
    """While a hold is open, no purge runs."""
    row = Hold(name=name, basis=basis, opened_by_label=str(actor), opened_at=now())
    row.save()
    record(type="ledger.hold_opened", object=row, reason=basis, stream="protected")
    return row


@permitted("records.keep")
@transaction.atomic
def lift_hold(*, actor: User, pk: int, reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why the hold is lifted.")
    row = Hold.objects.filter(pk=pk).first()
    if row is None:
        raise Absent
    moment: dt.datetime = now()
    if not row.compare_and_set(where={"lifted_at__isnull": True}, lifted_at=moment):
        raise Conflict("This hold was lifted already.")
    record(type="ledger.hold_lifted", object=row, reason=reason, stream="protected")


@permitted("records.keep")
@transaction.atomic
def erase_texts(*, actor: User | None, subject: str, reason: str) -> int:
    """Erases everything that a person or an agent typed into the trail, and the words of it in the
    index, which is built anew by the sweep. The number of texts."""
    number = retention.erase(subject=subject, reason=reason)
    start_over()
    return number
