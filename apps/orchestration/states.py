"""Life cycles of runs and steps (runtime.md 4.3 and 4.4), one screen."""

from __future__ import annotations

from django.db.models import TextChoices


class RunStatus(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting for a person"
    PAUSED = "paused", "Paused"
    COMPENSATING = "compensating", "Undoing"
    STUCK = "stuck", "Needs a person"
    SUCCEEDED = "succeeded", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    ROLLED_BACK = "rolled_back", "Rolled back"


R = RunStatus
RUN_MOVES: dict[str, tuple[str, ...]] = {
    R.QUEUED: (R.RUNNING, R.PAUSED, R.CANCELLED),
    R.RUNNING: (R.WAITING, R.PAUSED, R.SUCCEEDED, R.FAILED, R.COMPENSATING, R.CANCELLED),
    R.WAITING: (R.RUNNING, R.PAUSED, R.SUCCEEDED, R.FAILED, R.COMPENSATING, R.CANCELLED),
    R.PAUSED: (R.RUNNING, R.CANCELLED, R.COMPENSATING),
    R.COMPENSATING: (R.ROLLED_BACK, R.STUCK),
    R.STUCK: (R.COMPENSATING, R.FAILED),
    R.SUCCEEDED: (R.COMPENSATING,),
    R.FAILED: (R.COMPENSATING, R.RUNNING),
    R.CANCELLED: (),
    R.ROLLED_BACK: (),
}
LIVE_RUNS = (R.QUEUED, R.RUNNING, R.WAITING)
ENDED_RUNS = (R.SUCCEEDED, R.FAILED, R.CANCELLED, R.ROLLED_BACK)


class StepStatus(TextChoices):
    READY = "ready", "Queued"
    RUNNING = "running", "Running"
    AWAITING_APPROVAL = "awaiting_approval", "Waiting for a person"
    RETRY_WAIT = "retry_wait", "Waiting to try again"
    SUCCEEDED = "succeeded", "Completed"
    DENIED = "denied", "Blocked by policy"
    REJECTED = "rejected", "Rejected"
    RETURNED = "returned", "Sent back"
    EXPIRED = "expired", "Expired"
    FAILED = "failed", "Failed"
    DEAD = "dead", "Gave up"
    IN_DOUBT = "in_doubt", "Needs a person"
    CANCELLED = "cancelled", "Cancelled"
    COMPENSATED = "compensated", "Rolled back"
    COMPENSATION_FAILED = "compensation_failed", "Needs a person"


S = StepStatus
STEP_MOVES: dict[str, tuple[str, ...]] = {
    S.READY: (S.RUNNING, S.CANCELLED),
    S.RUNNING: (
        S.SUCCEEDED,
        S.AWAITING_APPROVAL,
        S.DENIED,
        S.REJECTED,
        S.RETURNED,
        S.EXPIRED,
        S.RETRY_WAIT,
        S.FAILED,
        S.DEAD,
        S.IN_DOUBT,
        S.READY,
        S.CANCELLED,
    ),
    S.AWAITING_APPROVAL: (S.READY, S.CANCELLED),
    S.RETRY_WAIT: (S.READY, S.CANCELLED),
    S.DEAD: (S.READY, S.CANCELLED),
    S.IN_DOUBT: (S.SUCCEEDED, S.READY, S.FAILED),
    S.SUCCEEDED: (S.COMPENSATED, S.COMPENSATION_FAILED),
    S.COMPENSATION_FAILED: (S.COMPENSATED,),
    S.DENIED: (),
    S.REJECTED: (),
    S.RETURNED: (),
    S.EXPIRED: (),
    S.FAILED: (),
    S.CANCELLED: (),
    S.COMPENSATED: (),
}
OPEN_STEPS = (S.READY, S.RUNNING, S.AWAITING_APPROVAL, S.RETRY_WAIT, S.DEAD, S.IN_DOUBT)
NEEDS_PERSON = (S.DEAD, S.IN_DOUBT, S.COMPENSATION_FAILED)
