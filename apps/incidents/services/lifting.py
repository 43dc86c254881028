"""How a measure ends: lifted by a person, or because its time is over."""

from __future__ import annotations

import uuid
from functools import partial

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.incidents import queries
from apps.incidents.models import Containment, Incident
from apps.incidents.services import receipts, tidings
from apps.incidents.services.moves import locked, refuse_owner
from apps.incidents.states import Measure
from apps.ledger.services import record
from apps.orchestration.services import bring_back
from apps.registry import barriers
from apps.registry.models import Agent
from apps.registry.queries import standing_barriers
from apps.registry.services import continue_agent
from apps.registry.states import AgentStatus, BarrierMeasure


@permitted("incidents.command")
@transaction.atomic
def lift(*, actor: User, containment_id: uuid.UUID, reason: str) -> Containment:
    """Takes a measure back: its barrier goes, a run that it paused goes on, an agent that it
    suspended works again. Permissions that it took come back by the council alone. Never by
    whoever owns an agent that the incident is about."""
    found = Containment.objects.filter(pk=containment_id).select_related("incident").first()
    if found is None:
        raise Invalid("There is no such measure.")
    refuse_owner(actor, locked(found.incident))
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if found.measure == Measure.REVOKE:
        raise Conflict("Permissions come back by the council alone: propose a motion.")
    if found.measure == Measure.KEEP:
        raise Conflict("Evidence is released by whoever may close the incident.")
    row = end(found, str(actor), reason.strip())
    give_back(row, reason.strip())
    return row


def end(found: Containment, by: str, reason: str) -> Containment:
    """The end of a measure by whichever way, in the caller's transaction."""
    moment = now()
    rows = Containment.objects.filter(pk=found.pk, lifted_at=None)
    if not rows.update(lifted_at=moment, lifted_by_label=by, lifted_why=reason):
        raise Conflict("This measure was lifted already.")
    found.refresh_from_db()
    if found.barrier is not None:
        barriers.end(barrier=found.barrier, reason=reason)
        found.barrier.refresh_from_db()
    record(
        type="incident.measure_lifted", object=found.incident, reason=reason,
        after={"measure": str(found)},
    )  # fmt: skip
    receipts.owe_removal(found)
    return found


def give_back(row: Containment, reason: str) -> None:
    """What the measure had stopped goes on, unless another one stops it too."""
    why = f"{row.incident.reference} lifted: {reason}"[:500]
    if row.did.get("suspended") and not stopped_besides(row):
        agent = Agent.lock(Agent.objects.get(slug=row.target).pk)
        if agent.status == AgentStatus.SUSPENDED and not agent.hold:
            continue_agent(agent, why)
    for run in queries.runs_named(row.did.get("paused", [])):
        transaction.on_commit(partial(bring_back, run, why), robust=True)


def stopped_besides(row: Containment) -> bool:
    rows = standing_barriers(agent__slug=row.target, measure=BarrierMeasure.STOP)
    return rows.exclude(number=row.number or 0).exists()


def lapse_due() -> int:
    """Measures whose time is over: their barriers go. An agent that was suspended stays so until
    a person resumes it, and the owner of the measure is told."""
    due = Containment.objects.filter(lifted_at=None, expires_at__lte=now())
    ended = 0
    for row in due.select_related("incident", "owner", "barrier").order_by("expires_at")[:100]:
        try:
            with transaction.atomic():
                locked(row.incident)
                end(row, "", "Its time is over.")
                tidings.lapsed(row)
        except Conflict:
            continue
        ended += 1
    return ended


def refuse_in_force(incident: Incident) -> None:
    """Raises Conflict where a measure that stops something is still in force."""
    live = incident.containments.filter(lifted_at=None).exclude(
        measure__in=(Measure.KEEP, Measure.REVOKE)
    )
    if live.exists():
        raise Conflict("What is contained is released first: lift each measure, with a reason.")
