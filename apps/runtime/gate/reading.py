"""One question to the database at the gate's door: the moment, what moved, and what is known of
this very call. Hand-written, because it is asked for every action of every agent."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection

from apps.access.models import Department
from apps.common import clock
from apps.common.rows import one
from apps.policies.models import PolicyStamp
from apps.policies.snapshot import paced_lately
from apps.readiness.models import ReadinessStamp
from apps.registry import directory
from apps.registry.models import Agent, RegistryStamp
from apps.runtime.models import Action, Budget, Circuit, Rate, Session
from apps.runtime.rules import CallContext


@dataclass(frozen=True)
class Reading:
    """`policies` and `readiness` are stamps; `earlier` is the newest action of the same step or
    key; `limited` says that a rate, a circuit or a budget may concern the call and has to be looked
    at; `pace` is how much the agent has done in the last hour and day, counted only where a rule
    reads it."""

    registry: directory.Reading
    policies: int
    readiness: int
    limited: bool
    earlier: uuid.UUID | None
    session: Session | None
    pace: tuple[int, int] | None = None

    @property
    def moment(self) -> dt.datetime:
        return self.registry.moment

    @property
    def stamp(self) -> tuple[int, int]:
        return self.policies, self.registry.stamp


MOST_COUNTED = 10_000
BY_STEP = "step_id = %s ORDER BY at DESC, id DESC LIMIT 1"
BY_KEY = "agent_id = %s AND idem_key = %s AND step_id IS NULL"


@cache
def statement(vendor: str, *, by_step: bool, paced: bool) -> str:
    tables = {
        model.__name__: model._meta.db_table
        for model in (
            PolicyStamp,
            RegistryStamp,
            ReadinessStamp,
            Circuit,
            Rate,
            Budget,
            Agent,
            Department,
            Action,
            Session,
        )
    }
    text = """
        SELECT {clock},
          (SELECT number FROM {PolicyStamp} WHERE id = 1),
          (SELECT number FROM {RegistryStamp} WHERE id = 1),
          (SELECT number FROM {ReadinessStamp} WHERE id = 1),
          EXISTS (SELECT 1 FROM {Circuit} WHERE tool_name = %s)
            OR EXISTS (
              SELECT 1 FROM {Rate} rate JOIN {Agent} agent ON agent.id = %s
              WHERE rate.scope IN
                (%s, 'agent:' || agent.slug, 'agent:' || agent.slug || ':' || %s))
            OR EXISTS (
              SELECT 1 FROM {Budget} budget JOIN {Agent} agent ON agent.id = %s
              JOIN {Department} sponsor ON sponsor.id = agent.sponsor_id
              WHERE (budget.scope = 'agent' AND budget.subject = agent.slug)
                OR (budget.scope = 'department' AND budget.subject = sponsor.slug)
                OR (budget.scope = 'run' AND budget.subject = %s)),
          (SELECT id FROM {Action} WHERE {same}),
          s.id, s.credential_id, s.identified, s.untrusted_read, s.actions{pace}
        FROM (SELECT 1) AS one
        LEFT JOIN {Session} s ON s.agent_id = %s AND s.external_id = %s
    """
    same = BY_STEP if by_step else BY_KEY
    pace = f", {counts()}" if paced else ""
    return " ".join(text.format(clock=clock.sql(), same=same, pace=pace, **tables).split())


def counts() -> str:
    """How many actions the agent has attempted in the last hour and in the last day."""
    counted = (
        "(SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE agent_id = %s AND at > {since}"
        " LIMIT {most}) AS attempts)"
    )
    return ", ".join(
        counted.format(table=Action._meta.db_table, since=clock.ago_sql(unit), most=MOST_COUNTED)
        for unit in ("hour", "day")
    )


def pace_of(agent_id: int) -> tuple[int, int]:
    """Asked for by itself: when rules came into force since this process last looked."""
    hour, day = one(f"SELECT {counts()}", [agent_id, agent_id])
    return hour, day


def session_name(call: CallContext) -> str:
    """Outside agents name their task; a run is one by itself."""
    return call.session or (f"run {call.run_id}" if call.run_id else "")


def read(*, agent_id: int, tool: str, call: CallContext) -> Reading:
    """What the gate has to know before it judges."""
    by_step = call.step_id is not None
    same: list[Any] = [agent_id, call.idem_key]
    if by_step:
        same = [Action._meta.get_field("step_id").get_db_prep_value(call.step_id, connection)]
    concerning = [tool, agent_id, f"tool:{tool}", tool, agent_id, call.workflow]
    paced = paced_lately()
    counted = [agent_id, agent_id] if paced else []
    values = [*concerning, *same, *counted, agent_id, session_name(call)]
    answer = one(statement(connection.vendor, by_step=by_step, paced=paced), values)
    moment, policies, registry, readiness, limited, earlier, *rest = answer
    return Reading(
        registry=directory.Reading(registry or 0, clock.parsed(moment)),
        policies=policies or 0,
        readiness=readiness or 0,
        limited=bool(limited),
        earlier=uuid.UUID(str(earlier)) if earlier else None,
        session=session_of(agent_id, call, rest[:5]),
        pace=(rest[5], rest[6]) if paced else None,
    )


def session_of(agent_id: int, call: CallContext, values: list[Any]) -> Session | None:
    pk, credential_id, identified, untrusted_read, actions = values
    if pk is None:
        return None
    return Session(
        id=uuid.UUID(str(pk)),
        agent_id=agent_id,
        external_id=session_name(call),
        credential_id=credential_id,
        identified=bool(identified),
        untrusted_read=bool(untrusted_read),
        actions=actions,
    )
