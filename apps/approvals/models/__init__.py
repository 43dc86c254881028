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

__all__ = [
    "ApprovalRequest",
    "Checkpoint",
    "Delegation",
    "Look",
    "Notice",
    "Queue",
    "QueueUserObjectPermission",
    "RequestCheckpoint",
    "Snooze",
    "Vote",
]
