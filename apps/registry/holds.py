"""What an emergency measure does to agents and tools. Only the council may call this
(import-linter): a hold keeps everybody else from resuming what the council stopped."""

from __future__ import annotations

from django.db import transaction

from apps.common.acting import acting
from apps.common.errors import Conflict
from apps.registry.models import Agent, Tool
from apps.registry.services import bump, continue_agent, move_tool, stop_agent
from apps.registry.states import AgentStatus, ToolStatus


@transaction.atomic
def hold_agent(*, agent: Agent, by: str, reason: str) -> bool:
    """Stops an agent's next action. False when it was not active, so that there is nothing to
    restore later. Raises Conflict when it is held already."""
    row = Agent.lock(agent.pk)
    was_active = row.status == AgentStatus.ACTIVE
    with acting(reason=reason):
        if not row.compare_and_set(where={"hold": ""}, hold=by):
            raise Conflict("An emergency measure holds this agent already.")
        bump()
        if was_active:
            stop_agent(row, reason)
    return was_active


@transaction.atomic
def release_agent(*, agent: Agent, by: str, reason: str, resume: bool) -> None:
    """Lets go of an agent; with `resume` it works again, unless somebody ended it meanwhile."""
    row = Agent.lock(agent.pk)
    with acting(reason=reason):
        if row.compare_and_set(where={"hold": by}, hold=""):
            bump()
            if resume and row.status == AgentStatus.SUSPENDED:
                continue_agent(row, reason)


@transaction.atomic
def hold_tool(*, tool: Tool, by: str, reason: str) -> bool:
    """Stops a tool for every agent. False when it was stopped already."""
    row = Tool.lock(tool.pk)
    was_active = row.status == ToolStatus.ACTIVE
    with acting(reason=reason):
        if not row.compare_and_set(where={"hold": ""}, hold=by):
            raise Conflict("An emergency measure holds this tool already.")
        if was_active:
            move_tool(row, ToolStatus.SUSPENDED, reason)
    return was_active


@transaction.atomic
def release_tool(*, tool: Tool, by: str, reason: str, resume: bool) -> None:
    """Lets go of a tool; with `resume` agents may use it again."""
    row = Tool.lock(tool.pk)
    with acting(reason=reason):
        released = row.compare_and_set(where={"hold": by}, hold="")
        if released and resume and row.status == ToolStatus.SUSPENDED:
            move_tool(row, ToolStatus.ACTIVE, reason)
