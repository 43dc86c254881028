"""Tools and the pins of their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.registry.models import Tool
from apps.registry.rules import TOOL_NAME, ToolSpec, pin_of, spec_problems
from apps.registry.services.stamp import bump
from apps.registry.states import ToolStatus

LONGEST_NAME = 120


@permitted("tools.manage")
@transaction.atomic
def register_tool(*, actor: User | None, spec: ToolSpec) -> Tool:
    """Registers a tool, or takes over its new description, which gets a new pin."""
    if not TOOL_NAME.fullmatch(spec.name) or len(spec.name) > LONGEST_NAME:
        raise Invalid("A tool's name is words in lower case, joined by dots.")
    if problems := spec_problems(spec):
        raise Invalid(next(iter(problems.values()))[0], "bad_tool", fields=problems)
    tool = Tool.objects.select_for_update().filter(name=spec.name).first()
    pin = pin_of(spec)
    if tool is not None and tool.pin == pin and tool.title == spec.title:
        return tool  # type: ignore[no-any-return]
    act = "tool.changed" if tool else "tool.registered"
    tool = tool or Tool(name=spec.name)
    before = {"pin": tool.pin}
    for field in ToolSpec.__dataclass_fields__:
        value = getattr(spec, field)
        setattr(tool, field, plain_copy(value))
    tool.pin = pin
    tool.save()
    bump()
    record(type=act, object=tool, before=before, after={"pin": pin})
    return tool


def plain_copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: plain_copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_copy(item) for item in value]
    return value


@permitted("tools.manage")
@transaction.atomic
def set_tool_status(*, actor: User | None, tool: Tool, status: str, reason: str) -> None:
    """Suspends or resumes a tool for every agent."""
    row = Tool.lock(tool.pk)
    if row.hold and status == ToolStatus.ACTIVE:
        raise Conflict(f"The council's emergency measure holds this tool ({row.hold}).", "held")
    move_tool(row, status, reason)


def move_tool(row: Tool, status: str, reason: str) -> None:
    """The act itself; callers decide who may, inside their transaction."""
    with acting(reason=reason):
        other = ToolStatus.ACTIVE if status == ToolStatus.SUSPENDED else ToolStatus.SUSPENDED
        if not row.compare_and_set(where={"status": other}, status=status):
            raise Conflict(f"{row.name} is {ToolStatus(status).label.lower()} already.")
        bump()
        act = "tool.suspended" if status == ToolStatus.SUSPENDED else "tool.resumed"
        record(type=act, object=row, reason=reason)
