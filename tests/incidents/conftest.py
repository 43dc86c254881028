from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.access.models import User
from apps.incidents.models import Incident
from apps.incidents.services import containment, incidents, opening
from apps.registry.models import Agent
from tests.orchestration.conftest import begin, ready  # noqa: F401


@pytest.fixture
def reported(agent: Agent, approver: User) -> Callable[..., Incident]:
    """Somebody tells of something that the agent did."""

    def put(severity: int = 3, **more: Any) -> Incident:
        fields: dict[str, Any] = {
            "actor": approver,
            "title": "Too many books",
            "summary": "Two hundred instead of twenty.",
            "kind": "event",
            "severity": severity,
            "agents": [agent],
        }
        return opening.report(**{**fields, **more})

    return put


@pytest.fixture
def contained(
    reported: Callable[..., Incident], member: User, chair: User
) -> Callable[..., Incident]:
    """Triaged, contained without stopping anything, and led by a member."""

    def put(severity: int = 3) -> Incident:
        row = reported(severity)
        incidents.triage(actor=chair, incident=row, kind="event", severity=severity, reason="")
        containment.contain(actor=chair, incident=row, wishes=[], reason="It stopped by itself.")
        return incidents.take_command(actor=member, incident=row)

    return put
