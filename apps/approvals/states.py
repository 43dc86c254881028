"""Three things kept apart: the request's status, the claim (a lease), and the execution."""

from __future__ import annotations

from django.db.models import TextChoices


class RequestStatus(TextChoices):
    PENDING = "pending", "Waiting for a person"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    RETURNED = "returned", "Sent back"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    SUPERSEDED = "superseded", "Superseded"


R = RequestStatus
MOVES: dict[str, tuple[str, ...]] = {
    R.PENDING: (R.APPROVED, R.REJECTED, R.RETURNED, R.EXPIRED, R.CANCELLED, R.SUPERSEDED),
    R.APPROVED: (),
    R.REJECTED: (),
    R.RETURNED: (),
    R.EXPIRED: (),
    R.CANCELLED: (),
    R.SUPERSEDED: (),
}


class Execution(TextChoices):
    NONE = "none", "Not yet"
    DISPATCHED = "dispatched", "Running"
    REFUSED_STALE = "refused_stale", "Superseded"
    WITHDRAWN = "withdrawn", "Withdrawn"
    SUCCEEDED = "succeeded", "Completed"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "Needs a person"
    ROLLED_BACK = "rolled_back", "Rolled back"


E = Execution
EXECUTION_MOVES: dict[str, tuple[str, ...]] = {
    E.NONE: (E.DISPATCHED, E.REFUSED_STALE, E.WITHDRAWN),
    E.DISPATCHED: (E.SUCCEEDED, E.FAILED, E.IN_DOUBT, E.REFUSED_STALE),
    E.IN_DOUBT: (E.SUCCEEDED, E.FAILED),
    E.SUCCEEDED: (E.ROLLED_BACK,),
    E.FAILED: (),
    E.REFUSED_STALE: (),
    E.WITHDRAWN: (),
    E.ROLLED_BACK: (),
}


class Choice(TextChoices):
    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"
    RETURN = "return", "Send back"


class Origin(TextChoices):
    """How a request came about: put by the gate, or in the place of an earlier one."""

    GATE = "gate", "Asked by the gate"
    HUMAN_EDIT = "human_edit", "Edited by a person"
    WITHDRAWN = "withdrawn", "Approval taken back"
    ESCALATED = "escalated", "Escalated when its time ran out"
    REOPENED = "reopened", "Opened again"
    CHANGED = "changed", "Asked again after a change"


class OnTimeout(TextChoices):
    """What the end of the time does, gentlest first. No clock approves."""

    EXPIRE = "expire", "The step expires"
    ESCALATE = "escalate", "Put to the next level as a new request"
    PAUSE = "pause", "The run is paused"
    CANCEL = "cancel", "The run is cancelled"
