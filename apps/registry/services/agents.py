"""Agents: from draft to work, suspended, resumed, retired, handed over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from apps.access.models import Department, User
from apps.access.services import permitted, require
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.registry import queries, signals
from apps.registry.models import Agent, AgentCredential
from apps.registry.queries import in_flight
from apps.registry.services.credentials import end_credential
from apps.registry.services.rights import require_over
from apps.registry.services.stamp import bump
from apps.registry.signals import InFlight
from apps.registry.states import MOVES, AgentStatus

CHANGEABLE = frozenset(
    {
        "name",
        "purpose",
        "sponsor",
        "risk_tier",
        "data_classes",
        "roles",
        "environment",
        "planner",
        "model_name",
        "review_due_on",
    }
)


@permitted("agents.register")
@transaction.atomic
def register_agent(
    *,
    actor: User | None,
    slug: str,
    name: str,
    purpose: str,
    owner: User,
    sponsor: Department,
    created_by: User | None = None,
    kind: str = "native",
    risk_tier: str = "medium",
    data_classes: Iterable[str] = (),
    roles: Iterable[str] = (),
    environment: str = "production",
    planner: str = "rules",
    model_name: str = "",
    review_due_on: dt.date | None = None,
) -> Agent:
    """A new agent in draft; its owner gets the owner's right. Raises Conflict for a slug in use."""
    agent = Agent(
        slug=slug,
        name=name,
        purpose=purpose,
        kind=kind,
        owner=owner,
        created_by=actor or created_by or owner,
        sponsor=sponsor,
        risk_tier=risk_tier,
        data_classes=list(data_classes),
        roles=list(roles),
        environment=environment,
        planner=planner,
        model_name=model_name,
        review_due_on=review_due_on,
        created_at=now(),
    )
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError:
        raise Conflict(f"There is an agent called {slug} already.", "slug_taken") from None
    assign_perm("own_agent", owner, agent)
    bump()
    record(type="agent.registered", object=agent)
    return agent


@permitted("agents.register")
@transaction.atomic
def change_agent(*, actor: User | None, agent: Agent, reason: str, **changes: Any) -> Agent:
    """Changes an agent's description; its version goes up, and old approvals no longer fit it."""
    if unknown := set(changes) - CHANGEABLE:
        raise Invalid(f"{unknown.pop()} cannot be changed here.")
    row = Agent.lock(agent.pk)
    refuse_kept(row)
    if row.status == AgentStatus.RETIRED:
        raise Conflict("A retired agent is not changed any more.")
    for field, value in changes.items():
        setattr(row, field, value)
    row.version += 1
    with acting(reason=reason):
        row.save()
        bump()
        record(type="agent.changed", object=row, reason=reason, after={"version": row.version})
    return row


@permitted("agents.activate")
@transaction.atomic
def activate_agent(*, actor: User | None, agent: Agent, reason: str) -> Agent:
    """Puts an agent to work, when the council's motion takes effect."""
    return move_agent(agent, AgentStatus.ACTIVE, "agent.activated", reason)


def move_agent(agent: Agent, to: str, act: str, reason: str) -> Agent:
    row = Agent.lock(agent.pk)
    if to not in MOVES[row.status]:
        words = AgentStatus(row.status).label.lower()
        raise Conflict(f"{row.name} is {words} and cannot become {AgentStatus(to).label.lower()}.")
    before = row.status
    with acting(reason=reason):
        if not row.compare_and_set(where={"status": before}, status=to):
            raise Conflict("Somebody else has just changed this agent.")
        bump()
        record(type=act, object=row, reason=reason, before={"status": before}, after={"status": to})
    return row


def refuse_kept(agent: Agent) -> None:
    """While evidence about an agent is kept it is neither changed nor ended; suspending it is
    always possible."""
    if by := queries.kept_by(agent):
        raise Conflict(
            f"{by} keeps evidence about this agent: it may be suspended, and nothing else "
            "about it is changed until that is lifted.",
            "kept",
        )


def suspend_agent(*, actor: User | None, agent: Agent, reason: str) -> list[InFlight]:
    """Stops the agent's next action at once. Returns what was still in flight."""
    require_over(actor, agent, "agents.suspend")
    if not reason.strip():
        raise Invalid("Say why the agent is suspended.", fields={"reason": ["Say why."]})
    with transaction.atomic():
        return stop_agent(agent, reason)


def stop_agent(agent: Agent, reason: str) -> list[InFlight]:
    """The act of suspending; callers decide who may, inside their transaction."""
    unfinished = in_flight(agent)
    move_agent(agent, AgentStatus.SUSPENDED, "agent.suspended", reason)
    transaction.on_commit(partial(signals.agent_suspended.send, Agent, agent_id=agent.pk))
    return unfinished


def resume_agent(*, actor: User | None, agent: Agent, reason: str) -> Agent:
    """Lets a suspended agent act again. Owners may not lift what others imposed."""
    if actor is not None and actor.pk == agent.owner_id:
        raise NotPermitted("Owners may suspend their agents, but another person resumes them.")
    require(actor, "agents.suspend")
    with transaction.atomic():
        if held := Agent.lock(agent.pk).hold:
            raise Conflict(f"The council's emergency measure holds this agent ({held}).", "held")
        if stopped := queries.stopped_by(agent):
            raise Conflict(f"{stopped} contains this agent; that is lifted first.", "contained")
        return continue_agent(agent, reason)


def continue_agent(agent: Agent, reason: str) -> Agent:
    """The act of resuming; callers decide who may, inside their transaction."""
    row = move_agent(agent, AgentStatus.ACTIVE, "agent.resumed", reason)
    transaction.on_commit(partial(signals.agent_resumed.send, Agent, agent_id=agent.pk))
    return row


@permitted("agents.retire")
@transaction.atomic
def retire_agent(*, actor: User | None, agent: Agent, reason: str) -> Agent:
    """Ends an agent for good and revokes its keys."""
    refuse_kept(agent)
    row = move_agent(agent, AgentStatus.RETIRED, "agent.retired", reason)
    for credential in AgentCredential.objects.filter(agent=row, revoked_at__isnull=True):
        end_credential(credential, reason)
    transaction.on_commit(partial(signals.agent_suspended.send, Agent, agent_id=agent.pk))
    return row


@transaction.atomic
def hand_over(*, actor: User | None, agent: Agent, to: User, reason: str) -> Agent:
    """Gives an agent another owner, with the owner's right."""
    require(actor, "agents.activate")
    row = Agent.lock(agent.pk)
    former = row.owner
    with acting(reason=reason):
        if not row.compare_and_set(where={"owner_id": former.pk}, owner_id=to.pk):
            raise Conflict("Somebody else has just changed this agent.")
        remove_perm("own_agent", former, row)
        assign_perm("own_agent", to, row)
        bump()
        record(
            type="agent.changed",
            object=row,
            reason=reason,
            before={"owner": str(former)},
            after={"owner": str(to)},
        )
    return row
