"""Life cycle of an incident (incidents.md 2.3), and the words of its parts."""

from __future__ import annotations

from django.db.models import IntegerChoices, TextChoices


class Status(TextChoices):
    REPORTED = "reported", "Open"
    TRIAGED = "triaged", "Open"
    CONTAINED = "contained", "Contained"
    INVESTIGATING = "investigating", "Investigating"
    IN_REVIEW = "in_review", "Under review"
    CORRECTIVE = "corrective", "Being corrected"
    CLOSED = "closed", "Closed"
    DUPLICATE = "duplicate", "Duplicate"
    FALSE_ALARM = "false_alarm", "False alarm"


S = Status
OVER = (S.CLOSED, S.DUPLICATE, S.FALSE_ALARM)
DISMISSED = (S.DUPLICATE, S.FALSE_ALARM)
# A recurrence opens a closed incident again, as triaged.
MOVES: dict[str, tuple[str, ...]] = {
    S.REPORTED: (S.TRIAGED, *DISMISSED),
    S.TRIAGED: (S.CONTAINED, *DISMISSED),
    S.CONTAINED: (S.INVESTIGATING, *DISMISSED),
    S.INVESTIGATING: (S.IN_REVIEW, *DISMISSED),
    S.IN_REVIEW: (S.CORRECTIVE, *DISMISSED),
    S.CORRECTIVE: (S.CLOSED, *DISMISSED),
    S.CLOSED: (S.TRIAGED,),
    S.DUPLICATE: (),
    S.FALSE_ALARM: (),
}


class Kind(TextChoices):
    EVENT = "event", "Harm was done"
    NEAR_MISS = "near_miss", "Near miss"
    ISSUE = "issue", "Weakness found"


class Severity(IntegerChoices):
    CRITICAL = 1, "1 critical"
    HIGH = 2, "2 high"
    MODERATE = 3, "3 moderate"
    LOW = 4, "4 low"


class LinkKind(TextChoices):
    AGENT = "agent", "Agent"
    RUN = "run", "Run"
    ACTION = "action", "Action"
    REQUEST = "request", "Approval request"
    PERSON = "person", "Person"


class Point(TextChoices):
    """What has to confirm that a containment holds."""

    REGISTRY = "registry", "Registry"
    APPROVALS = "approvals", "Approvals"
    ORCHESTRATION = "orchestration", "Runs"
    GATEWAY = "gateway", "Gateway"
    WORKER = "worker", "Worker"


class Measure(TextChoices):
    """What a responder does at once, within one incident."""

    SUSPEND = "suspend", "Suspend the agent"
    REVOKE = "revoke", "Take all its permissions"
    STOP = "stop", "Let nothing of it pass"
    ASK = "ask", "Put every action before people"
    KEEP = "keep", "Keep the evidence"


class Place(TextChoices):
    """What a measure is about."""

    AGENT = "agent", "Agent"
    TOOL = "tool", "Tool"
    WORKFLOW = "workflow", "Workflow"
    PERSON = "person", "On behalf of"
    POLICY = "policy", "Policy"


M, W = Measure, Place
# Which measures there are for what; a policy that asks is frozen.
MEASURES: dict[str, tuple[str, ...]] = {
    W.AGENT: (M.SUSPEND, M.STOP, M.ASK, M.REVOKE),
    W.TOOL: (M.STOP, M.ASK),
    W.WORKFLOW: (M.STOP, M.ASK),
    W.PERSON: (M.STOP, M.ASK),
    W.POLICY: (M.ASK,),
}


class ActionType(TextChoices):
    POLICY = "policy", "Change of a policy"
    PERMISSION = "permission", "Change of a permission"
    CHECKPOINT = "checkpoint", "Change of a checkpoint"
    AGENT = "agent", "Change of an agent"
    DATA = "data", "Data put right"
    TRAINING = "training", "Training"
    PROCESS = "process", "Process redesigned"


class ReportKind(TextChoices):
    INITIAL = "initial", "Initial report"
    COMPLETE = "complete", "Complete report"


class ItemStatus(TextChoices):
    """What becomes of one action that is to be taken back."""

    WAITING = "waiting", "Waits"
    DOING = "doing", "Being taken back"
    DONE = "done", "Taken back"
    CHANGED = "changed", "Changed by somebody since"
    NEVER = "never", "Cannot be taken back"
    FAILED = "failed", "Not taken back"
