"""One request: its facts, its votes, what became of others like it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.urls import reverse

from apps.access.models import User
from apps.approvals.models import (
    ApprovalRequest,
    Exposure,
    Notice,
    RequestCheckpoint,
    Skipped,
    Vote,
)
from apps.approvals.queries.lists import LISTED
from apps.approvals.queries.rights import visible
from apps.approvals.rules import Fact
from apps.approvals.states import RequestStatus
from apps.common.clock import now
from apps.common.errors import Absent
from apps.common.units import in_unit
from apps.common.vocabulary import label
from apps.registry.models import Agent, Tool
from apps.registry.signals import InFlight

ALIKE = 200


def request_numbered(user: User, number: int) -> ApprovalRequest:
    found = visible(user).filter(number=number).first()
    if found is None:
        raise Absent
    return found


def read_parts(request: ApprovalRequest) -> None:
    """Reads votes and checkpoints along with a request that is going to be shown whole."""
    joined = ("checkpoint", "queue__escalates_to__escalates_to", "second_queue", "third_queue")
    parts = RequestCheckpoint.objects.select_related(*joined).order_by("pk")
    votes = Vote.objects.select_related("voter").order_by("cast_at")
    prefetch_related_objects([request], Prefetch("checkpoints", parts), Prefetch("votes", votes))


def facts_of(request: ApprovalRequest | Skipped) -> list[Fact]:
    tool = Tool.objects.filter(name=request.tool).only("facts_schema").first()
    return facts_from(request.evidence, tool)


def facts_from(evidence: Mapping[str, Any], tool: Tool | None) -> list[Fact]:
    """The facts of the evidence, named and with their units as the tool's schema gives them."""
    facts: dict[str, dict[str, Any]] = evidence.get("facts", {})
    schemas = tool.facts_schema.get("properties", {}) if tool else {}
    currency = str(facts.get("currency", {}).get("value", ""))
    return [
        Fact(
            schemas.get(name, {}).get("title") or label(name),
            in_unit(fact["value"], schemas.get(name, {}).get("unit", ""), currency),
            fact.get("source", ""),
        )
        for name, fact in facts.items()
    ]


def approved_checkpoints(request: ApprovalRequest) -> frozenset[str]:
    """The checkpoints that an approved request has passed; none while it is anything else."""
    if request.status != RequestStatus.APPROVED:
        return frozenset()
    rows = request.checkpoints.select_related("checkpoint")
    return frozenset(row.checkpoint.slug for row in rows)


def in_flight(agent: Agent) -> list[InFlight]:
    rows = ApprovalRequest.objects.filter(agent=agent, status="pending").order_by("created_at")
    return [
        InFlight("request", str(row), reverse("approvals:request", args=[row.number]))
        for row in rows[:LISTED]
    ]


@dataclass(frozen=True)
class Alike:
    """How requests of the same action and rule were decided lately. Never a recommendation."""

    counts: dict[str, int]
    reversed_later: int
    newest: list[ApprovalRequest]


def alike(request: ApprovalRequest, days: int = 90) -> Alike:
    """The newest decided requests of the same action and rule, the same counterparty first."""
    rows = ApprovalRequest.objects.filter(
        tool=request.tool,
        rule_key=request.rule_key,
        decided_at__gte=now() - dt.timedelta(days=days),
        status__in=("approved", "rejected", "returned"),
    ).exclude(pk=request.pk)
    if request.is_seed:
        rows = rows.exclude(pk__in=Exposure.objects.filter(request=request).values("seed__source"))
    shown = ("number", "title", "status", "execution", "outcome_note", "decided_at")
    found = list(rows.order_by("-decided_at").only(*shown)[:ALIKE])
    counts = Counter(row.status for row in found)
    undone = sum(row.execution == "rolled_back" for row in found)
    same = [row for row in found if row.title.split(",")[0] == request.title.split(",")[0]]
    others = [row for row in found if row not in same]
    return Alike(dict(counts), undone, (same + others)[:3])


def turned_down(agent_id: int, intent_digest: str, days: int = 30) -> int:
    """How often people have refused exactly this wish of the agent."""
    return ApprovalRequest.objects.filter(
        agent_id=agent_id,
        intent_digest=intent_digest,
        status__in=("rejected", "returned"),
        decided_at__gte=now() - dt.timedelta(days=days),
    ).count()


def notices_of(user: User) -> list[Notice]:
    return list(Notice.objects.filter(user=user).order_by("-at", "-pk")[:LISTED])
