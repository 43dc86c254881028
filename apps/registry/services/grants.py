"""Permissions: an agent, a tool, a scope, an end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting, current
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.registry.models import Agent, Grant, Tool
from apps.registry.rules import scope_problem
from apps.registry.services.stamp import bump
from apps.registry.services.tools import plain_copy


def unknown_argument(tool: Tool, scope: Mapping[str, Any]) -> str:
    known = set(tool.input_schema.get("properties", {}))
    unknown = sorted(set(scope) - known)
    return f"{tool.name} has no argument {unknown[0]}." if unknown else ""


@permitted("grants.give")
@transaction.atomic
def grant(
    *,
    actor: User | None,
    agent: Agent,
    tool: Tool,
    expires_at: dt.datetime,
    reason: str,
    scope: Mapping[str, Any] | None = None,
    process: str = "",
) -> Grant:
    """Lets an agent use a tool on a scope of arguments, until a day; when the council's motion
    takes effect."""
    if problem := scope_problem(scope or {}) or unknown_argument(tool, scope or {}):
        raise Invalid(problem, fields={"scope": [problem]})
    moment = now()
    if expires_at <= moment:
        raise Invalid("A permission ends in the future.", fields={"expires_at": ["It is past."]})
    given = Grant(
        agent=agent,
        tool=tool,
        scope=plain_copy(scope or {}),
        process=process,
        granted_by_label=current().label,
        reason=reason,
        starts_at=moment,
        expires_at=expires_at,
    )
    try:
        with transaction.atomic(), acting(reason=reason):
            given.save()
    except IntegrityError:
        raise Conflict(f"{agent} holds {tool} already; revoke that permission first.") from None
    bump()
    record(
        type="grant.given",
        object=given,
        reason=reason,
        after={
            "agent": agent.slug,
            "tool": tool.name,
            "scope": given.scope,
            **({"process": process} if process else {}),
        },
    )
    return given


@permitted("grants.revoke")
@transaction.atomic
def revoke_grant(*, actor: User | None, grant: Grant, reason: str) -> None:
    """Takes a permission; the agent's next use of the tool is refused."""
    row = Grant.lock(grant.pk)
    with acting(reason=reason):
        if not row.compare_and_set(where={"revoked_at__isnull": True}, revoked_at=now()):
            raise Conflict("This permission was revoked already.")
        bump()
        record(type="grant.revoked", object=row, reason=reason)
