"""The same request judged again: by the rules, permissions and tools of its moment, and today."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.access.models import User
from apps.audit.queries.asof import Labels, rows_at
from apps.audit.queries.why import why
from apps.common.clock import now
from apps.policies import services as policies
from apps.policies.grants import permit_for
from apps.policies.models import JudgedRequest, Policy, PolicyVersion
from apps.policies.rules import Judgement, JudgementRequest, decide, refused
from apps.policies.schema import Unrepresentable
from apps.policies.snapshot import keeper, slice_of
from apps.policies.states import EVALUATED
from apps.policies.text import Compiled, binds, compile_text, concerns
from apps.registry.models import Agent, Grant, Tool
from apps.registry.rules import ToolSpec
from apps.runtime.models import Action


@dataclass(frozen=True)
class Again:
    """Three answers to one recorded request. `then_matches`: what was rebuilt of the moment says
    what is on record; if not, `why_not` says what the record cannot tell."""

    action: Action
    recorded: JudgedRequest
    then: Judgement
    today: Judgement
    then_matches: bool
    versions_then: list[str]
    grants_then: int

    @property
    def same_today(self) -> bool:
        return self.today.effect == self.recorded.effect


def again(reader: User, pk: uuid.UUID) -> Again | None:
    """None where the gate stopped the action before any policy was asked. Raises Absent."""
    action = why(reader, pk).action
    found = JudgedRequest.objects.filter(pk=action.judged_id) if action.judged_id else None
    recorded = found.first() if found is not None else None
    if recorded is None:
        return None
    request = request_of(recorded.request, recorded.request["context"].get("now"))
    at_present = request_of(recorded.request, now())
    versions = versions_at(recorded.at)
    grants = grants_at(recorded.at, request)
    then = judge_then(request, versions, grants, recorded.at)
    return Again(
        action=action,
        recorded=recorded,
        then=then,
        today=policies.judge(at_present),
        then_matches=then.effect == recorded.effect,
        versions_then=[f"{slug} v{row.number}" for slug, row in versions],
        grants_then=len(grants),
    )


def request_of(recorded: Mapping[str, Any], moment: Any) -> JudgementRequest:
    return JudgementRequest(
        agent=recorded.get("agent", ""),
        agent_roles=tuple(recorded.get("roles", ())),
        tool=recorded.get("tool", ""),
        context={**recorded.get("context", {}), "now": moment},
    )


def versions_at(moment: dt.datetime) -> list[tuple[str, Any]]:
    """(slug then, version row) of everything that was evaluated at the moment."""
    rows = rows_at(PolicyVersion, moment, status__in=EVALUATED)
    slugs = {row.id: row.slug for row in rows_at(Policy, moment)}
    found = [(slugs.get(row.policy_id, str(row.policy_id)), row) for row in rows]
    return sorted(found, key=lambda pair: pair[0])


def grants_at(moment: dt.datetime, request: JudgementRequest) -> list[Any]:
    """The permissions that the agent held for the tool."""
    rows = rows_at(Grant, moment, revoked_at__isnull=True)
    labels = Labels(moment)
    agents = {row.id for row in rows_at(Agent, moment, slug=request.agent)}
    return [
        row
        for row in rows
        if row.agent_id in agents
        and labels.of(Tool, row.tool_id) == request.tool
        and row.starts_at <= moment
    ]


def judge_then(
    request: JudgementRequest,
    versions: list[tuple[str, Any]],
    grants: list[Any],
    moment: dt.datetime,
) -> Judgement:
    """What the gate would have said. Never raises, as the gate never does."""
    tools = rows_at(Tool, moment, name=request.tool)
    if not tools:
        return refused(f"There was no tool named {request.tool}.")
    if not versions:
        return refused("No policy was in force, so nothing was allowed.")
    spec: ToolSpec = tools[0].instance.spec
    missing = set(spec.facts_schema.get("required", ())) - set(request.context.get("facts", {}))
    if missing:
        return refused(f"The records did not say {', '.join(sorted(missing))}.")
    try:
        cut = slice_of(
            spec, request.agent, request.agent_roles, rules(request, spec, versions, grants)
        )
        approvals = list(request.context.get("approvals", ()))
        return decide(lambda names: cut.ask(request, names), cut.rules, approvals)
    except (Unrepresentable, ValueError) as error:
        return refused(str(error), (str(error),))


def rules(
    request: JudgementRequest, spec: ToolSpec, versions: list[tuple[str, Any]], grants: list[Any]
) -> list[Compiled]:
    found: list[Compiled] = []
    for slug, row in versions:
        found += compile_text(row.text, policy=slug, version=row.number, keep=keeper(row.status))
    chosen = [
        each
        for each in found
        if concerns(each.source, tool=request.tool, groups={spec.effect})
        and binds(each.source, agent=request.agent, roles=set(request.agent_roles))
    ]
    permits = [
        permit_for(
            grant_id=row.id,
            agent=request.agent,
            tool=request.tool,
            scope=row.scope,
            expires_at=row.expires_at,
        )
        for row in grants
    ]
    return chosen + permits
