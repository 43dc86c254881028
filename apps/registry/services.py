from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from apps.access.models import Department, User
from apps.access.services import permitted, require
from apps.common.acting import acting, current
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.registry import directory, queries, signals
from apps.registry.models import (
    Agent,
    AgentCredential,
    CredentialUse,
    Grant,
    ReferenceList,
    RegistryStamp,
    Tool,
)
from apps.registry.queries import in_flight, may_own
from apps.registry.rules import (
    TOOL_NAME,
    ToolSpec,
    new_key,
    pin_of,
    scope_problem,
    spec_problems,
)
from apps.registry.signals import InFlight
from apps.registry.states import MOVES, AgentStatus, ToolStatus

LONGEST_KEY = dt.timedelta(days=90)
LONGEST_NAME = 120
MOST_VALUES = 20_000
LONGEST_OVERLAP = dt.timedelta(days=7)
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


def bump() -> None:
    """Moves the stamp inside the caller's transaction. It is drawn, not counted: what a process
    read within a transaction that was rolled back can never be taken for a later state."""
    number = secrets.randbits(62)
    if not RegistryStamp.objects.filter(pk=1).update(number=number):
        RegistryStamp.objects.create(pk=1, number=number)


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


def require_over(actor: User | None, agent: Agent, permission: str) -> None:
    """The permission, or the owner's right over this very agent."""
    if actor is not None and may_own(actor, agent):
        return
    require(actor, permission)


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


def issue_credential(
    *,
    actor: User | None,
    agent: Agent,
    label: str,
    expires_at: dt.datetime,
    scopes: Iterable[str] = (),
    replaces: AgentCredential | None = None,
) -> tuple[AgentCredential, str]:
    """A new key. Returns the credential and the key text, which exists nowhere afterwards."""
    require_over(actor, agent, "credentials.issue")
    moment = now()
    if not moment < expires_at <= moment + LONGEST_KEY:
        raise Invalid(
            "A key expires within 90 days.", fields={"expires_at": ["Choose a day within 90 days."]}
        )
    prefix, text = new_key()
    credential = AgentCredential(
        agent=agent,
        label=label,
        prefix=prefix,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        scopes=list(scopes),
        created_by_label=current().label,
        created_at=moment,
        not_before=moment,
        expires_at=expires_at,
        replaces=replaces,
    )
    with transaction.atomic():
        credential.save()
        bump()
        act = "credential.rotated" if replaces else "credential.issued"
        record(type=act, object=credential, after={"agent": agent.slug, "expires_at": expires_at})
    return credential, text


def rotate_credential(
    *, actor: User | None, credential: AgentCredential, overlap: dt.timedelta = LONGEST_OVERLAP
) -> tuple[AgentCredential, str]:
    """A new key in the place of an old one, which goes on for `overlap` (at most a week)."""
    require_over(actor, credential.agent, "credentials.issue")
    if overlap > LONGEST_OVERLAP:
        raise Invalid("The old key may go on for a week at most.")
    moment = now()
    with transaction.atomic():
        old = AgentCredential.lock(credential.pk)
        end = min(old.expires_at, moment + max(overlap, dt.timedelta(seconds=1)))
        if not old.compare_and_set(where={"revoked_at__isnull": True}, expires_at=end):
            raise Conflict("This key was revoked already.")
        return issue_credential(
            actor=actor,
            agent=old.agent,
            label=old.label,
            expires_at=moment + LONGEST_KEY,
            scopes=old.scopes,
            replaces=old,
        )


def revoke_credential(*, actor: User | None, credential: AgentCredential, reason: str) -> None:
    """Ends a key; the next call with it is refused."""
    require_over(actor, credential.agent, "credentials.issue")
    with transaction.atomic():
        end_credential(AgentCredential.lock(credential.pk), reason)


def end_credential(credential: AgentCredential, reason: str) -> None:
    with acting(reason=reason):
        ended = credential.compare_and_set(
            where={"revoked_at__isnull": True}, revoked_at=now(), revoked_reason=reason
        )
        if not ended:
            raise Conflict("This key was revoked already.")
        bump()
        record(type="credential.revoked", object=credential, reason=reason)


def note_use(*, credential: AgentCredential, address: str) -> None:
    """Remembers when a key was seen; at most one write a minute."""
    if directory.noted_just_now(credential.pk):
        return
    moment = now()
    recent = moment - dt.timedelta(minutes=1)
    seen = CredentialUse.objects.filter(pk=credential.pk).first()
    if seen is None:
        CredentialUse.objects.get_or_create(
            credential=credential, defaults={"last_used_at": moment, "last_used_ip": address}
        )
    elif seen.last_used_at < recent:
        CredentialUse.objects.filter(pk=credential.pk, last_used_at__lt=recent).update(
            last_used_at=moment, last_used_ip=address
        )


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


@permitted("tools.manage")
@transaction.atomic
def save_reference_list(
    *, actor: User | None, slug: str, title: str, values: Iterable[str], reason: str
) -> ReferenceList:
    """Writes a list of values that the organisation knows; facts change with the next judgement."""
    kept = sorted({value.strip() for value in values} - {""})
    if len(kept) > MOST_VALUES:
        raise Invalid(f"A list holds at most {MOST_VALUES} values.")
    row = ReferenceList.objects.select_for_update().filter(slug=slug).first()
    row = row or ReferenceList(slug=slug)
    before = {"values": len(row.values)}
    row.title, row.values = title, kept
    with acting(reason=reason):
        row.save()
        bump()
        record(
            type="reference_list.saved",
            object=row,
            reason=reason,
            before=before,
            after={"values": len(kept)},
        )
    return row


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
