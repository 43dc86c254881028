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

__all__ = [
    "ApprovalRequest",
    "Checkpoint",
    "Delegation",
    "Finding",
    "Look",
    "Notice",
    "Queue",
    "QueueUserObjectPermission",
    "RequestCheckpoint",
    "Scope",
    "SeenTrait",
    "Skipped",
    "Snooze",
    "Vote",
]
