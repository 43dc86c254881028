"""The tables of approvals, split by noun."""

from __future__ import annotations

from apps.approvals.models.notices import (
    Notice,
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
    "Checkpoint",
    "Delegation",
    "Exposure",
    "Finding",
    "Look",
    "Notice",
    "Programme",
    "Queue",
    "QueueUserObjectPermission",
    "RequestCheckpoint",
    "Scope",
    "SecondLook",
    "Seed",
    "SeedStatus",
    "SeedTemplate",
    "SeenTrait",
    "Skipped",
    "Snooze",
    "TrainingRecord",
    "Vote",
]
