from __future__ import annotations

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
from apps.registry.models import Agent, AgentCredential, Grant, ReferenceList, Tool
from apps.registry.rules import lists_asked, prefix_of
from apps.registry.signals import InFlight, asked_what_is_in_flight
from apps.registry.states import AgentStatus

BAD_KEY = "This key does not open the door."


def live_credentials() -> QuerySet[AgentCredential]:
    """Keys in standing at the database's present moment, of agents that are active."""
    moment = now()
    found: QuerySet[AgentCredential] = AgentCredential.objects.filter(
        revoked_at__isnull=True,
        not_before__lte=moment,
        expires_at__gt=moment,
        agent__status=AgentStatus.ACTIVE,
    ).select_related("agent")
    return found


def authenticate(key: str) -> AgentCredential:
    """The live credential of a key text. Unknown, expired, revoked and suspended are told apart
    by nobody outside: one sentence, one code."""
    prefix = prefix_of(key)
    found = live_credentials().filter(prefix=prefix).first() if prefix else None
    given = hashlib.sha256(key.encode()).hexdigest()
    if found is None or not hmac.compare_digest(found.digest, given):
        raise NotPermitted(BAD_KEY, "bad_key")
    return found


@dataclass(frozen=True)
class Standing:
    ok: bool
    code: str
    sentence: str
    agent: Agent | None


def standing(agent_id: int, credential_id: int | None) -> Standing:
    """Whether an agent, and the key it came with, may act at this moment."""
    agent = Agent.objects.select_related("owner").filter(pk=agent_id).first()
    if agent is None:
        return Standing(False, "unknown_agent", "There is no such agent.", None)
    if agent.status != AgentStatus.ACTIVE:
        words = AgentStatus(agent.status).label.lower()
        return Standing(False, "agent_" + agent.status, f"{agent.name} is {words}.", agent)
    if credential_id is not None:
        live = live_credentials().filter(pk=credential_id, agent_id=agent_id).exists()
        if not live:
            return Standing(False, "credential", "The key is no longer in standing.", agent)
    return Standing(True, "", "", agent)


def live_grants() -> QuerySet[Grant]:
    moment = now()
    found: QuerySet[Grant] = Grant.objects.filter(
        revoked_at__isnull=True, starts_at__lte=moment, expires_at__gt=moment
    )
    return found


def live_grant(agent: Agent, tool_name: str) -> Grant | None:
    return live_grants().filter(agent=agent, tool__name=tool_name).first()


def reference_facts(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, bool]:
    """Whether arguments are on the organisation's lists, as the tool's facts schema asks. Where
    the list or the argument is missing the fact is absent. For a list of values: all of them."""
    asked = lists_asked(tool.facts_schema)
    if not asked:
        return {}
    lists = ReferenceList.objects.filter(slug__in={slug for slug, _ in asked.values()})
    known = {row.slug: frozenset(row.values) for row in lists}
    facts = {}
    for fact, (slug, argument) in asked.items():
        value = arguments.get(argument)
        if slug in known and value is not None:
            values = value if isinstance(value, list) else [value]
            facts[fact] = all(str(each).strip() in known[slug] for each in values)
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
