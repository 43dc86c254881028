"""Who may act on one agent."""

from __future__ import annotations

from apps.access.models import User
from apps.access.services import require
from apps.registry.models import Agent
from apps.registry.queries import may_own


def require_over(actor: User | None, agent: Agent, permission: str) -> None:
    """The permission, or the owner's right over this very agent."""
    if actor is not None and may_own(actor, agent):
        return
    require(actor, permission)
