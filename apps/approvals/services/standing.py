"""Consent beforehand: given by a queue's lead, within limits, used once at a time, on record."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.approvals.models import Checkpoint, StandingApproval, StandingUse
from apps.approvals.rules import LIMIT_OPS, NEEDS_WORDS, Limit
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.registry.models import Agent, Tool

LONGEST = dt.timedelta(days=90)
MOST = 1_000


@transaction.atomic
def grant_standing(
    *,
    actor: User,
    checkpoint: Checkpoint,
    agent: Agent,
    tool: str,
    rule_key: str,
    limits: Sequence[Mapping[str, Any]],
    ends_at: dt.datetime,
    most: int,
    reason: str,
) -> StandingApproval:
    """The lead of the checkpoint's queue consents beforehand to what would be asked there under one
    rule. Never at a hard checkpoint, above medium risk or for what cannot be undone; never by
    somebody with a conflict."""
    queue = checkpoint.queue
    if queue.lead_id != actor.pk:
        raise NotPermitted(f"Only the lead of {queue.name} consents beforehand.")
    if actor.pk in (agent.owner_id, agent.created_by_id):
        raise NotPermitted("You answer for this agent, so somebody else consents.")
    moment = now()
    found = Tool.objects.filter(name=tool).first()
    if problem := standing_problem(checkpoint, agent, found):
        raise Invalid(problem, "never")
    if not moment < ends_at <= moment + LONGEST:
        raise Invalid("At most ninety days.", fields={"ends_at": ["Within ninety days."]})
    if not 1 <= most <= MOST:
        raise Invalid(f"1 to {MOST} uses.", fields={"most": [f"1 to {MOST}."]})
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    row = StandingApproval(
        checkpoint=checkpoint,
        agent=agent,
        tool=tool,
        rule_key=rule_key,
        limits=read_limits(limits, found),
        starts_at=moment,
        ends_at=ends_at,
        most=most,
        reason=reason.strip(),
        granted_by=actor,
    )
    with acting(reason=reason):
        row.save()
        record(
            type="standing.granted",
            object=row,
            reason=reason,
            after={"tool": tool, "rule": rule_key, "limits": row.limits, "most": most},
        )
    return row


def standing_problem(checkpoint: Checkpoint, agent: Agent, tool: Tool | None) -> str:
    """Why nobody may consent beforehand to this; "" where one may."""
    if tool is None:
        return "There is no such tool."
    if checkpoint.hard:
        return "A hard checkpoint asks a person every time."
    if tool.effect == "irreversible":
        return "What cannot be undone is never approved beforehand."
    if agent.risk_tier in NEEDS_WORDS:
        return "Above medium risk nothing is approved beforehand."
    return ""


def read_limits(limits: Sequence[Mapping[str, Any]], tool: Tool | None) -> list[dict[str, Any]]:
    """The limits as they are kept. Raises Invalid for an argument that the tool does not have, or
    a comparison that is not known."""
    known = tool.input_schema.get("properties", {}) if tool else {}
    for limit in limits:
        if limit.get("name") not in known or limit.get("op") not in LIMIT_OPS:
            raise Invalid(
                f"{limit.get('name')}: not an argument of the tool, or not a comparison.",
                fields={"limits": ["Name an argument of the tool."]},
            )
    return [{"name": row["name"], "op": row["op"], "value": row.get("value")} for row in limits]


def limits_of(row: StandingApproval) -> list[Limit]:
    return [Limit(limit["name"], limit["op"], limit["value"]) for limit in row.limits]


@transaction.atomic
def revoke_standing(*, actor: User, standing: StandingApproval, reason: str) -> None:
    """Ends it at once; the lead of its queue, or whoever gave it."""
    row = StandingApproval.lock(standing.pk)
    if actor.pk not in (row.granted_by_id, row.checkpoint.queue.lead_id):
        raise NotPermitted("Only the queue's lead ends it.")
    if not row.compare_and_set(where={"revoked_at": None}, revoked_at=now()):
        raise Conflict("It has ended already.")
    record(type="standing.revoked", object=row, reason=reason)


def use_standing(*, standing_id: int, action_ref: uuid.UUID) -> bool:
    """Takes one use, in the transaction that lets the action through; False when it has ended or
    is used up, and the action has to ask after all."""
    row = StandingApproval.lock(standing_id)
    moment = now()
    if row.revoked_at is not None or not row.starts_at <= moment < row.ends_at:
        return False
    number = StandingUse.objects.filter(standing=row).count() + 1
    if number > row.most:
        return False
    try:
        with transaction.atomic():
            StandingUse.objects.create(
                standing=row, number=number, action_ref=action_ref, at=moment
            )
    except IntegrityError:
        return False
    record(
        type="standing.used",
        object=row,
        outcome="allowed",
        after={"action": action_ref, "use": number, "of": row.most},
    )
    return True
