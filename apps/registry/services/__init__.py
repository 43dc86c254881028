"""The verbs of the registry, split by noun, and its only writers."""

from __future__ import annotations

from apps.registry.services.agents import (
    activate_agent,
    change_agent,
    continue_agent,
    hand_over,
    register_agent,
    resume_agent,
    retire_agent,
    stop_agent,
    suspend_agent,
)
from apps.registry.services.credentials import (
    issue_credential,
    note_use,
    revoke_credential,
    rotate_credential,
)
from apps.registry.services.grants import grant, revoke_grant, unknown_argument
from apps.registry.services.lists import save_reference_list
from apps.registry.services.stamp import bump
from apps.registry.services.tools import move_tool, register_tool, set_tool_status

__all__ = [
    "activate_agent",
    "bump",
    "change_agent",
    "continue_agent",
    "grant",
    "hand_over",
    "issue_credential",
    "move_tool",
    "note_use",
    "register_agent",
    "register_tool",
    "resume_agent",
    "retire_agent",
    "revoke_credential",
    "revoke_grant",
    "rotate_credential",
    "save_reference_list",
    "set_tool_status",
    "stop_agent",
    "suspend_agent",
    "unknown_argument",
]
