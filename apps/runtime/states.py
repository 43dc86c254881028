"""Life cycles of an action and of its effect."""

from __future__ import annotations

from django.db.models import TextChoices


class ActionStatus(TextChoices):
    ALLOWED = "allowed", "Allowed"
    WAITING = "waiting", "Waiting for a person"
    DENIED = "denied", "Blocked by policy"
    EXECUTING = "executing", "Running"
    DONE = "done", "Completed"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "Needs a person"
    STALE = "refused_stale", "Superseded"
    REJECTED = "rejected", "Rejected"
    UNDONE = "undone", "Rolled back"
    EXPIRED = "expired", "Expired"


class EffectStatus(TextChoices):
    DISPATCHING = "dispatching", "Running"
    DONE = "done", "Completed"
    FAILED = "failed", "Failed"
    IN_DOUBT = "in_doubt", "Needs a person"
    UNDOING = "undoing", "Undoing"
    UNDONE = "undone", "Rolled back"


A = ActionStatus
ACTION_MOVES: dict[str, tuple[str, ...]] = {
    A.ALLOWED: (A.EXECUTING, A.DONE, A.FAILED, A.EXPIRED, A.STALE),
    A.WAITING: (A.EXECUTING, A.ALLOWED, A.STALE, A.REJECTED, A.EXPIRED, A.DENIED),
    A.EXECUTING: (A.DONE, A.FAILED, A.IN_DOUBT, A.EXECUTING),
    A.IN_DOUBT: (A.DONE, A.FAILED, A.EXECUTING),
    A.DONE: (A.UNDONE,),
    A.DENIED: (),
    A.FAILED: (),
    A.STALE: (),
    A.REJECTED: (),
    A.EXPIRED: (),
    A.UNDONE: (),
}


class BudgetScope(TextChoices):
    AGENT = "agent", "One agent"
    DEPARTMENT = "department", "All agents of a department"
    RUN = "run", "Each run of a workflow"


class BudgetUnit(TextChoices):
    STEPS = "steps", "Steps"
    CALLS = "calls", "Tool calls"
    MONEY = "money", "Money"
    SECONDS = "seconds", "Seconds of work"
    TOKENS = "tokens", "Tokens"


class BudgetWindow(TextChoices):
    HOUR = "hour", "per hour"
    DAY = "day", "per day"
    WEEK = "week", "per week"
    MONTH = "month", "per month"
    EVER = "ever", "in all"
    RUN = "run", "per run"


class Forced(TextChoices):
    """What people make of a breaker. Open: no call goes through."""

    NOT = "", "Works by itself"
    OPEN = "open", "Held open: no call goes through"
    CLOSED = "closed", "Held closed: every call goes through"


class ProcessKind(TextChoices):
    WEB = "web", "Web"
    WORKER = "worker", "Worker"
