"""What the clocks do: half of the time, four fifths of it, all of it. No clock ever approves."""

from __future__ import annotations

import uuid

from django.db import transaction

from apps.access.models import User
from apps.approvals import notices
from apps.approvals.models import ApprovalRequest, Queue, RequestCheckpoint
from apps.approvals.services.answers import answered_seed
from apps.approvals.services.asking import open_level, put_again
from apps.approvals.services.requests import (
    Lost,
    leave,
    locked,
    refuse_unless_eligible,
    tell_people,
    url_of,
)
from apps.approvals.states import OnTimeout, Origin, RequestStatus
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record

AT_ONCE = 500


def expire_due() -> int:
    """Ends what nobody decided in time, with the reason `timeout`; where the rule says so, the
    next level is asked by a new request. Pausing or cancelling the run is up to whoever runs it:
    the rule is in the request."""
    due = ApprovalRequest.objects.filter(status="pending", decide_by__lte=now())
    expired = 0
    for request in due.order_by("decide_by")[:AT_ONCE]:
        try:
            with transaction.atomic(), acting(trigger="approvals sweep"):
                row = leave(
                    locked(request.pk),
                    RequestStatus.EXPIRED,
                    code="timeout",
                    note="Nobody decided in time.",
                )
                if row.rule.get("on_timeout") == OnTimeout.ESCALATE:
                    ask_next_level(row)
            expired += 1
        except Lost:
            continue
    return expired


def ask_next_level(request: ApprovalRequest) -> ApprovalRequest | None:
    """A new request to the next level of each part; None when there is no level left."""
    parts, higher = [], False
    for part in request.checkpoints.select_related("checkpoint__fallback", "queue"):
        above = following(part)
        higher = higher or above is not None
        rest = (
            part.chain[part.chain.index(above.pk) + 1 :] if above and above.pk in part.chain else []
        )
        parts.append(
            RequestCheckpoint(
                checkpoint=part.checkpoint,
                queue=above or part.queue,
                needed=part.needed,
                chain=rest,
            )
        )
    return put_again(request, origin=Origin.ESCALATED, parts=parts) if higher else None


def following(part: RequestCheckpoint) -> Queue | None:
    """The level after the queue that the part was put to, in the snapshot; after the last one the
    rule's fallback."""
    above = Queue.objects.filter(pk__in=part.chain).select_related("calendar").in_bulk()
    levels = [above[pk] for pk in part.chain if pk in above]
    if part.checkpoint.fallback is not None:
        levels.append(part.checkpoint.fallback)
    return next((row for row in levels if row.pk != part.queue_id), None)


def escalate_due() -> int:
    """At half time a request that nobody decided goes to the second level as well, as its chain
    was when it was put; from then on it stays so. Everybody concerned is reminded."""
    due = ApprovalRequest.objects.filter(
        status="pending", escalated_at=None, escalate_at__lte=now()
    )
    escalated = 0
    for request in due.order_by("escalate_at")[:AT_ONCE]:
        with transaction.atomic(), acting(trigger="approvals sweep"):
            row = locked(request.pk)
            won = ApprovalRequest.objects.filter(
                pk=row.pk, status="pending", escalated_at=None
            ).update(escalated_at=now())
            if not won:
                continue
            raise_level(row, "Half of the time is over.")
            tell_people(row, f"Half of the time is over: {row.title}", urgent=True)
            escalated += 1
    return escalated


def raise_level(request: ApprovalRequest, reason: str) -> list[str]:
    """Opens the next level of every part that has one; on record either way."""
    levels = []
    for part in request.checkpoints.all():
        asked = (part.queue_id, part.second_queue_id, part.third_queue_id)
        above = next((pk for pk in part.chain if pk not in asked), None)
        if above is not None and open_level(part, above):
            levels.append(Queue.objects.get(pk=above).slug)
    record(type="approval.escalated", object=request, reason=reason, after={"queues": levels})
    return levels


def tell_leads_due() -> int:
    """At four fifths of the time the queue's lead is told, once, as an urgent matter."""
    due = ApprovalRequest.objects.filter(status="pending", lead_told_at=None, lead_at__lte=now())
    told = 0
    for request in due.order_by("lead_at")[:AT_ONCE]:
        with transaction.atomic(), acting(trigger="approvals sweep"):
            won = ApprovalRequest.objects.filter(
                pk=request.pk, status="pending", lead_told_at=None
            ).update(lead_told_at=now())
            if not won:
                continue
            leads = User.objects.filter(pk__in=request.rule.get("leads", ()), is_active=True)
            told += notices.tell(
                users=leads,
                title=f"{request.reference} Nearly out of time: {request.title}",
                url=url_of(request),
                urgent=True,
            )
            record(
                type="approval.lead_told",
                object=request,
                reason="Four fifths of the time are over.",
                after={"leads": [str(lead) for lead in leads]},
            )
    return told


@transaction.atomic
def escalate(*, actor: User, request_id: uuid.UUID, reason: str) -> ApprovalRequest:
    """An approver hands a request to the next level of its chain. It stays open, its clock goes
    on, and whoever held it lets go. Raises Conflict where there is no level left."""
    if not reason.strip():
        raise Invalid("Say why it goes to the next level.", fields={"reason": ["Say why."]})
    if answered_seed(actor, request_id, reason.strip()):
        return ApprovalRequest.with_seeds.get(pk=request_id)
    request = locked(request_id)
    refuse_unless_eligible(actor, request)
    levels = raise_level(request, reason.strip())
    if not levels:
        raise Conflict("There is no further level for this request.", "no_level")
    ApprovalRequest.objects.filter(pk=request.pk, status="pending").update(
        escalated_at=request.escalated_at or now(), holder=None, lease_until=None
    )
    request.refresh_from_db()
    tell_people(request, f"{actor} asks the next level: {request.title}", urgent=True)
    return request
