"""From a yes to its use: a short while in which it can be taken back, and then once."""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Vote
from apps.approvals.services import scopes
from apps.approvals.services.asking import put_again
from apps.approvals.services.requests import Lost, locked
from apps.approvals.states import EXECUTION_MOVES, Execution, Origin
from apps.common.clock import now
from apps.common.errors import NotPermitted
from apps.ledger.services import record
from apps.policies import services as policies


def dispatch_from(moment: dt.datetime) -> dt.datetime:
    """When an approval given now may be used."""
    return moment + dt.timedelta(seconds=settings.COUNCIL["DISPATCH_SECONDS"])


def dispatch(*, request_id: uuid.UUID, action_digest: str) -> bool:
    """Single use of an approval: true for exactly one caller, after the while in which it can be
    taken back, and as long as its time has not run out."""
    moment = now()
    return bool(
        ApprovalRequest.objects.filter(
            pk=request_id,
            status="approved",
            execution=Execution.NONE,
            action_digest=action_digest,
            dispatch_at__lte=moment,
            execute_by__gt=moment,
        ).update(execution=Execution.DISPATCHED)
    )


def mark_execution(*, request_id: uuid.UUID, execution: str) -> bool:
    """Notes what became of an approved action; false when that step is not possible any more."""
    come_from = [state for state, ends in EXECUTION_MOVES.items() if execution in ends]
    rows = ApprovalRequest.objects.filter(pk=request_id, execution__in=come_from)
    return bool(rows.update(execution=execution))


@transaction.atomic
def undo(*, actor: User, request_id: uuid.UUID) -> ApprovalRequest:
    """Takes an approval back before it is used, by anybody whose yes made it. The approval stays
    on record as withdrawn, and the same question is open again as a new request.

    Raises NotPermitted for others, and Lost once it may have been used."""
    request = locked(request_id)
    if not request.votes.filter(voter=actor, choice="approve", void=False).exists():
        raise NotPermitted("Only those who approved can take it back.", "not_yours")
    won = ApprovalRequest.objects.filter(
        pk=request.pk, status="approved", execution=Execution.NONE, dispatch_at__gt=now()
    ).update(execution=Execution.WITHDRAWN)
    if not won:
        raise Lost("It is too late to take this back: it has been carried out.", request, "used")
    request.refresh_from_db()
    record(type="approval.withdrawn", object=request, outcome="cancelled")
    scopes.unlearn(request)
    if request.evidence.get("judged_id"):
        policies.forget_answer(judged_id=uuid.UUID(request.evidence["judged_id"]))
    return put_again(request, origin=Origin.WITHDRAWN)


def undo_many(*, actor: User, bulk_id: uuid.UUID) -> tuple[list[ApprovalRequest], int]:
    """Takes back every approval of one bulk decision that is not in use yet: the new requests,
    and how many it was too late for."""
    votes = Vote.objects.filter(voter=actor, bulk_id=bulk_id, choice="approve", void=False)
    opened, late = [], 0
    for pk in votes.filter(request__status="approved").values_list("request_id", flat=True):
        try:
            opened.append(undo(actor=actor, request_id=pk))
        except Lost:
            late += 1
    return opened, late
