"""Whether what a containment asked for holds at each point that enforces it: asked at once, and by
the sweep until all have confirmed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

from django.db import transaction

from apps.approvals.models import ApprovalRequest
from apps.common.clock import now
from apps.incidents.models import Incident, Receipt
from apps.incidents.states import Point
from apps.ledger.services import record
from apps.orchestration.models import Step
from apps.orchestration.states import StepStatus
from apps.registry.models import Agent
from apps.registry.states import AgentStatus

OWED = 200


def owe(incident: Incident, agents: Iterable[Agent], asked_at: dt.datetime) -> None:
    """One receipt of each point for each agent, from the moment of the click."""
    Receipt.objects.bulk_create(
        Receipt(incident=incident, agent=agent.slug, point=point, asked_at=asked_at)
        for agent in agents
        for point in Point
    )


def collect(incident: Incident | None = None) -> int:
    """Asks every point that still owes a receipt. Answers how many confirmed; the last one of an
    incident is an act on record, with the time from the click."""
    rows = Receipt.objects.filter(confirmed_at=None).select_related("incident")
    if incident is not None:
        rows = rows.filter(incident=incident)
    confirmed = 0
    for row in rows.order_by("asked_at", "pk")[:OWED]:
        agent = Agent.objects.filter(slug=row.agent).first()
        left = CHECKS[Point(row.point)](agent) if agent else ""
        moment = now()
        changes = {"looked_at": moment, "words": left or HOLDS[Point(row.point)]}
        with transaction.atomic():
            if left:
                Receipt.objects.filter(pk=row.pk, confirmed_at=None).update(**changes)
                continue
            won = Receipt.objects.filter(pk=row.pk, confirmed_at=None).update(
                **changes, confirmed_at=moment
            )
            confirmed += won
            others = Receipt.objects.filter(incident=row.incident, confirmed_at=None)
            if won and not others.exists():
                told(row, moment)
    return confirmed


def told(row: Receipt, moment: dt.datetime) -> None:
    spent = round((moment - row.asked_at).total_seconds() * 1000)
    record(
        type="incident.containment_confirmed",
        object=row.incident,
        reason="Every point has confirmed.",
        after={"milliseconds": spent},
        typed=False,
    )


def registered(agent: Agent) -> str:
    return "" if agent.status != AgentStatus.ACTIVE else "The agent is at work."


def asked(agent: Agent) -> str:
    waiting = ApprovalRequest.objects.filter(agent=agent, status="pending")[:100].count()
    return f"{waiting} of its questions still wait." if waiting else ""


def running(agent: Agent) -> str:
    steps = Step.objects.filter(agent=agent, status=StepStatus.RUNNING)[:100].count()
    return f"{steps} of its steps still run." if steps else ""


CHECKS: dict[Point, Callable[[Agent], str]] = {
    Point.REGISTRY: registered,
    Point.APPROVALS: asked,
    Point.ORCHESTRATION: running,
}
HOLDS = {
    Point.REGISTRY: "It is suspended: the gate reads this before every action.",
    Point.APPROVALS: "None of its questions waits.",
    Point.ORCHESTRATION: "None of its steps runs.",
}
