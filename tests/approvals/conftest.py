from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.approvals.models import ApprovalRequest
from apps.approvals.services import ask
from apps.common.ids import uuid7
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent

Ask = Callable[..., ApprovalRequest]
DIGEST = "d" * 64


@pytest.fixture
def question(agent: Agent, checkpoint: Any) -> Ask:
    def put(approvers: int = 1, **changes: Any) -> ApprovalRequest:
        fields: dict[str, Any] = {
            "agent": agent,
            "action_ref": uuid7(),
            "tool": "shelf.put",
            "intent_digest": "i" * 64,
            "action_digest": DIGEST,
            "title": "Put 11 books",
            "summary": "More than ten.",
            "risk": "low",
            "asks": [CheckpointAsk("shelf", approvers, 600, False, "r", "More than ten.")],
            "evidence": {"purpose": "Restock the shelf", "why": [], "will_happen": {}},
        }
        return ask(**{**fields, **changes})

    return put
