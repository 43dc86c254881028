"""Life cycles of runs and steps (runtime.md 4.3 and 4.4), one screen. Where they differ from the
design's tables, docs/decisions/0013 says why."""

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
    R.FAILED: (R.COMPENSATING,),
    R.CANCELLED: (),
    R.ROLLED_BACK: (),
}
LIVE_RUNS = (R.QUEUED, R.RUNNING, R.WAITING)
GOING_RUNS = (R.RUNNING, R.WAITING)
ENDED_RUNS = (R.SUCCEEDED, R.FAILED, R.CANCELLED, R.ROLLED_BACK)


class StepStatus(TextChoices):
    PLANNED = "planned", "Planned"
    READY = "ready", "Queued"
    RUNNING = "running", "Running"
    AWAITING_APPROVAL = "awaiting_approval", "Waiting for a person"
    AWAITING_RESOURCE = "awaiting_resource", "Waiting for a resource"
    RETRY_WAIT = "retry_wait", "Waiting to try again"
    SUCCEEDED = "succeeded", "Completed"
    SKIPPED = "skipped", "Skipped"
    DENIED = "denied", "Blocked by policy"
    REJECTED = "rejected", "Rejected"
    RETURNED = "returned", "Sent back"
    EXPIRED = "expired", "Expired"
    FAILED = "failed", "Failed"
    DEAD = "dead", "Gave up"
    IN_DOUBT = "in_doubt", "Needs a person"
    CANCELLED = "cancelled", "Cancelled"
    COMPENSATING = "compensating", "Undoing"
    COMPENSATED = "compensated", "Rolled back"
    COMPENSATION_FAILED = "compensation_failed", "Needs a person"


S = StepStatus
STEP_MOVES: dict[str, tuple[str, ...]] = {
    S.PLANNED: (S.READY, S.SKIPPED, S.CANCELLED),
    S.READY: (S.RUNNING, S.AWAITING_RESOURCE, S.CANCELLED),
    S.RUNNING: (
        S.SUCCEEDED,
        S.SKIPPED,
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
    ),
    S.AWAITING_APPROVAL: (S.READY, S.CANCELLED),
    S.AWAITING_RESOURCE: (S.READY, S.CANCELLED),
    S.RETRY_WAIT: (S.READY, S.CANCELLED),
    S.DEAD: (S.READY, S.CANCELLED),
    S.IN_DOUBT: (S.SUCCEEDED, S.READY, S.FAILED),
    S.SUCCEEDED: (S.COMPENSATING,),
    S.COMPENSATING: (S.COMPENSATED, S.COMPENSATION_FAILED),
    S.COMPENSATION_FAILED: (S.COMPENSATING,),
    S.SKIPPED: (),
    S.DENIED: (),
    S.REJECTED: (),
    S.RETURNED: (),
    S.EXPIRED: (),
    S.FAILED: (),
    S.CANCELLED: (),
    S.COMPENSATED: (),
}
WAITING_STEPS = (S.AWAITING_APPROVAL, S.AWAITING_RESOURCE, S.RETRY_WAIT)
OPEN_STEPS = (S.PLANNED, S.READY, S.RUNNING, *WAITING_STEPS, S.DEAD, S.IN_DOUBT)
NEEDS_PERSON = (S.DEAD, S.IN_DOUBT, S.COMPENSATION_FAILED)
ENDED_STEPS = tuple(status for status in S if status not in OPEN_STEPS)

# Why a step was given back: the run is paused until a person says how it goes on.
BUDGET, CONTRADICTION, CLEARED = "budget", "contradiction", "cleared"
ASKS = (BUDGET, CONTRADICTION)


class Kind(TextChoices):
    """What an agent's work serves; the first goes before the second at equal rank."""

    SAFETY = "safety", "Safety"
    COMPLIANCE = "compliance", "Compliance"
    BUSINESS = "business", "Business"
