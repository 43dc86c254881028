"""The tables of approvals, split by noun."""

from __future__ import annotations

from apps.approvals.models.calendars import (
    Calendar,
)
from apps.approvals.models.codes import (
    ReasonCode,
)
from apps.approvals.models.edits import (
    Edit,
    Reopening,
)
from apps.approvals.models.freezes import (
    Freeze,
)
from apps.approvals.models.notices import (
    Notice,
)
from apps.approvals.models.questions import (
    Handover,
    Question,
)
from apps.approvals.models.queues import (
    Checkpoint,
    Delegation,
    Queue,
    QueueUserObjectPermission,
)
from apps.approvals.models.requests import (
    ApprovalRequest,
    Look,
    RequestCheckpoint,
    Snooze,
    Vote,
)
from apps.approvals.models.scopes import (
    Finding,
    Scope,
    SeenTrait,
    Skipped,
)
from apps.approvals.models.standing import (
    StandingApproval,
    StandingUse,
)
from apps.approvals.models.ties import (
    Tie,
)
from apps.approvals.models.training import (
    TrainingRecord,
)
from apps.approvals.models.vigilance import (
    Exposure,
    Programme,
    SecondLook,
    Seed,
    SeedStatus,
    SeedTemplate,
)

__all__ = [
    "ApprovalRequest",
    "Calendar",
    "Checkpoint",
    "Delegation",
    "Edit",
    "Exposure",
    "Finding",
    "Freeze",
    "Handover",
    "Look",
    "Notice",
    "Programme",
    "Question",
    "Queue",
    "QueueUserObjectPermission",
    "ReasonCode",
    "Reopening",
    "RequestCheckpoint",
    "Scope",
    "SecondLook",
    "Seed",
    "SeedStatus",
    "SeedTemplate",
    "SeenTrait",
    "Skipped",
    "Snooze",
    "StandingApproval",
    "StandingUse",
    "Tie",
    "TrainingRecord",
    "Vote",
]
