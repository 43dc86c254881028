from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now
from apps.common.errors import Absent, NotPermitted
from apps.registry import directory
from apps.registry.models import Agent, AgentCredential, Barrier, Grant, Tool
from apps.registry.rules import lists_asked, prefix_of
from apps.registry.signals import InFlight, asked_what_is_in_flight
from apps.registry.states import AgentStatus, BarrierMeasure

BAD_KEY = "This key does not open the door."


def in_standing(credential: AgentCredential, moment: dt.datetime) -> bool:
    """Whether a key may be used at this moment: begun, neither run out nor revoked."""
    return credential.revoked_at is None and credential.not_before <= moment < credential.expires_at


def authenticate(key: str, reading: directory.Reading | None = None) -> AgentCredential:
    """The live credential of a key text, at a reading that the caller has just made (without one,
    it is made here). Unknown, expired, revoked and suspended are told apart by nobody outside: one
    sentence, one code."""
    prefix = prefix_of(key)
    reading = reading or directory.read()
    found = directory.at(reading.stamp).credential_named(prefix) if prefix else None
    if found is None or not fits(key, found):
        raise NotPermitted(BAD_KEY, "bad_key")
    if not in_standing(found, reading.moment) or found.agent.status != AgentStatus.ACTIVE:
        raise NotPermitted(BAD_KEY, "bad_key")
    return found


def presumed(key: str) -> AgentCredential | None:
    """Whose key this seems to be, as this process last knew: good enough to ask the database the
    right question, and for nothing else."""
    prefix = prefix_of(key)
    found = directory.last_known(prefix) if prefix else None
    return found if found is not None and fits(key, found) else None


def fits(key: str, credential: AgentCredential) -> bool:
    given = hashlib.sha256(key.encode()).hexdigest()
    return hmac.compare_digest(credential.digest, given)


@dataclass(frozen=True)
class Standing:
    """`scopes` are the tools that the key is limited to; none: no limit."""

    ok: bool
    code: str
    sentence: str
    agent: Agent | None
    scopes: tuple[str, ...] = ()


def standing(
    agent_id: int, credential_id: int | None, reading: directory.Reading | None = None
) -> Standing:
    """Whether an agent, and the key it came with, may act at this moment."""
    reading = reading or directory.read()
    known = directory.at(reading.stamp)
    agent = known.agent(agent_id)
    if agent is None:
        return Standing(False, "unknown_agent", "There is no such agent.", None)
    if agent.status != AgentStatus.ACTIVE:
        words = AgentStatus(agent.status).label.lower()
        return Standing(False, "agent_" + agent.status, f"{agent.name} is {words}.", agent)
    if credential_id is None:
        return Standing(True, "", "", agent)
    key = known.credential(credential_id)
    if key is None or key.agent_id != agent_id or not in_standing(key, reading.moment):
        return Standing(False, "credential", "The key is no longer in standing.", agent)
    return Standing(True, "", "", agent, tuple(key.scopes))


def live_grants() -> QuerySet[Grant]:
    moment = now()
    found: QuerySet[Grant] = Grant.objects.filter(
        revoked_at__isnull=True, starts_at__lte=moment, expires_at__gt=moment
    )
    return found


def reference_facts(
    tool: Tool, arguments: Mapping[str, Any], known: directory.Directory
) -> dict[str, bool]:
    """Whether arguments are on the organisation's lists, as the tool's facts schema asks. Where
    the list or the argument is missing the fact is absent. For a list of values: all of them."""
    facts = {}
    for fact, (slug, argument) in lists_asked(tool.facts_schema).items():
        listed, value = known.values(slug), arguments.get(argument)
        if listed is not None and value is not None:
            values = value if isinstance(value, list) else [value]
            facts[fact] = all(str(each).strip() in listed for each in values)
    return facts


def agents(reader: User, *, search: str = "", status: str = "", risk: str = "") -> list[Agent]:
    """The agents that the reader may see, each with `last_seen_at`."""
    if not holds(reader, "agents.view"):
        return []
    found = Agent.objects.select_related("owner", "sponsor").annotate(
        last_seen_at=Max("credentials__use__last_used_at")
    )
    if search:
        words = Q(name__icontains=search) | Q(slug__icontains=search) | Q(purpose__icontains=search)
        found = found.filter(words)
    if status:
        found = found.filter(status=status)
    if risk:
        found = found.filter(risk_tier=risk)
    return list(found.order_by("name")[:500])


def agent(reader: User, slug: str) -> Agent:
    if not holds(reader, "agents.view"):
        raise Absent
    found = Agent.objects.select_related("owner", "sponsor", "created_by").filter(slug=slug).first()
    if found is None:
        raise Absent
    return found  # type: ignore[no-any-return]


def tool(reader: User, name: str) -> Tool:
    found = Tool.objects.filter(name=name).first() if holds(reader, "agents.view") else None
    if found is None:
        raise Absent
    return found  # type: ignore[no-any-return]


def in_flight(agent: Agent) -> list[InFlight]:
    """What the apps above have begun for the agent and not ended."""
    answers: Any = asked_what_is_in_flight.send(Agent, agent=agent)
    return [item for _receiver, items in answers for item in items]


def may_own(user: User | None, agent: Agent) -> bool:
    """The owner's right over an agent, given object by object through django-guardian."""
    return user is not None and user.has_perm("registry.own_agent", agent)


def standing_barriers(**where: Any) -> QuerySet[Barrier]:
    """Those that nobody has lifted and whose time is not over."""
    return Barrier.objects.filter(  # type: ignore[no-any-return]
        ended_at__isnull=True, expires_at__gt=now(), **where
    )


def kept_by(agent: Agent) -> str:
    """The incident that keeps evidence about the agent; "" for none."""
    row = standing_barriers(agent=agent, measure=BarrierMeasure.KEEP).first()
    return row.by if row else ""


def stopped_by(agent: Agent) -> str:
    """The incident that stops all of the agent's actions; "" for none."""
    row = standing_barriers(
        agent=agent, measure=BarrierMeasure.STOP, tool="", workflow="", person=""
    ).first()
    return row.by if row else ""


def frozen_by(policy: str) -> str:
    """The incident that keeps new versions of a policy from coming into force; "" for none."""
    row = standing_barriers(policy=policy).first()
    return row.by if row else ""
