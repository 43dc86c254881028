"""What an auditor's role is limited to: a period, certain agents, or nothing."""

from __future__ import annotations

from apps.access.models import User
from apps.audit.rules.grammar import Trail


def scope_of(reader: User) -> Trail:
    """The conditions that every event shown to this reader meets; empty for no limit."""
    return Trail()
