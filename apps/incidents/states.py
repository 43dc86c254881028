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


class Point(TextChoices):
    """What has to confirm that a containment holds."""

    REGISTRY = "registry", "Registry"
    APPROVALS = "approvals", "Approvals"
    ORCHESTRATION = "orchestration", "Runs"


class ActionType(TextChoices):
    POLICY = "policy", "Change of a policy"
    PERMISSION = "permission", "Change of a permission"
    CHECKPOINT = "checkpoint", "Change of a checkpoint"
    AGENT = "agent", "Change of an agent"
    DATA = "data", "Data put right"
    TRAINING = "training", "Training"
    PROCESS = "process", "Process redesigned"
