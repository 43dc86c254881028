"""One measure: its barrier, which the gate heeds from the next action on, and then what was going
on already."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.approvals.models import Checkpoint
from apps.approvals.services import cancel_waiting
from apps.common.errors import Conflict, Invalid
from apps.incidents import queries
from apps.incidents.models import Containment, Incident
from apps.incidents.services import receipts
from apps.incidents.services.moves import locked
from apps.incidents.states import MEASURES, Measure, Place
from apps.ledger.services import record
from apps.orchestration.services.moves import pause
from apps.policies.models import Policy
from apps.registry import barriers
from apps.registry.models import Agent, Barrier, Grant, Tool
from apps.registry.queries import in_flight
from apps.registry.services import revoke_grant, stop_agent
from apps.registry.states import AgentStatus, BarrierMeasure

LISTED = 50
BARRED = {
    Measure.SUSPEND: BarrierMeasure.STOP,
    Measure.STOP: BarrierMeasure.STOP,
    Measure.ASK: BarrierMeasure.ASK,
    Measure.KEEP: BarrierMeasure.KEEP,
}
STOPPING = (Measure.SUSPEND, Measure.STOP)


class InForce(Conflict):
    """What is wished for holds already; somebody may just have been faster."""


@dataclass(frozen=True)
class Wish:
    """One measure that somebody wants; the answer to it names it by `name`."""

    place: str
    ref: str
    measure: str

    @property
    def name(self) -> str:
        return f"{self.place}:{self.ref}"


def take(
    incident: Incident,
    wish: Wish,
    reason: str,
    clicked: dt.datetime,
    lasts: dt.timedelta,
    owner: User | None,
    checkpoint: str,
    actor: User | None,
) -> Containment:
    """One measure, whole or not at all: its barrier, what it changes at once, and the receipts
    that are owed."""
    if wish.measure != Measure.KEEP and wish.measure not in MEASURES.get(wish.place, ()):
        raise Invalid("There is no such measure for this.")
    found = target_of(wish)
    with transaction.atomic():
        locked(incident)
        row = Containment(
            incident=incident,
            measure=wish.measure,
            place=wish.place,
            target=wish.ref,
            label=str(found)[:200],
            reason=reason.strip(),
            owner=owner,
            asked_at=clicked,
            expires_at=clicked + lasts,
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise InForce("This measure is in force already.") from None
        if wish.measure in BARRED:
            row.barrier = barrier_for(row, found, checkpoint)
        row.did = at_once(row, found, actor)
        Containment.objects.filter(pk=row.pk).update(barrier=row.barrier, did=row.did)
        record(
            type="incident.measure_taken",
            object=incident,
            reason=reason,
            after={"measure": str(row), "until": row.expires_at, "number": row.number},
        )
        receipts.owe(row)
    return row


def target_of(wish: Wish) -> Any:
    rows: dict[str, Any] = {
        Place.AGENT: lambda: Agent.objects.filter(slug=wish.ref).first(),
        Place.TOOL: lambda: Tool.objects.filter(name=wish.ref).first(),
        Place.WORKFLOW: lambda: queries.workflow_named(wish.ref),
        Place.PERSON: lambda: queries.person_named(wish.ref),
        Place.POLICY: lambda: Policy.objects.filter(slug=wish.ref).first(),
    }
    found = rows[wish.place]() if wish.place in rows else None
    if not found:
        raise Invalid("There is no such thing to contain.")
    return found


def barrier_for(row: Containment, found: Any, checkpoint: str) -> Barrier:
    asked = ""
    if row.measure == Measure.ASK:
        asked = checkpoint_for(row, checkpoint).slug
    places = {Place.AGENT: {"agent": found}} if row.place == Place.AGENT else {}
    named = places.get(Place.AGENT) or {row.place: row.target}
    return barriers.place(
        by=row.incident.reference,
        measure=BARRED[Measure(row.measure)],
        reason=row.reason,
        placed_by=str(row.owner or "the product itself"),
        expires_at=row.expires_at,
        checkpoint=asked,
        **named,
    )


def checkpoint_for(row: Containment, slug: str) -> Checkpoint:
    found = Checkpoint.objects.filter(slug=slug).first() if slug else None
    if found is None and not slug:
        found = queries.usual_checkpoint(row.target if row.place == Place.TOOL else "")
    if found is None:
        raise Invalid(
            "Choose a checkpoint where people are asked.", fields={"checkpoint": ["Choose one."]}
        )
    return found


def at_once(row: Containment, found: Any, actor: User | None) -> dict[str, Any]:
    """What changes in the registry in the same transaction, and what was in flight then."""
    did: dict[str, Any] = {}
    if isinstance(found, Agent):
        flying = in_flight(found)
        did["flying"] = [{"label": each.label, "url": each.url} for each in flying[:LISTED]]
    if row.measure == Measure.SUSPEND and found.status == AgentStatus.ACTIVE:
        stop_agent(found, f"{row.incident}: {row.reason}"[:500])
        did["suspended"] = True
    if row.measure == Measure.REVOKE:
        grants = Grant.objects.filter(agent=found, revoked_at=None).select_related("tool")
        did["revoked"] = [each.tool.name for each in grants]
        for each in grants:
            revoke_grant(actor=actor, grant=each, reason=f"{row.incident}: {row.reason}"[:500])
    return did


def words_of(row: Containment) -> str:
    if row.measure == Measure.REVOKE:
        return f"{len(row.did.get('revoked', ()))} permissions taken"
    flying = len(row.did.get("flying", ()))
    until = f"until {row.expires_at:%d %b %H:%M} UTC"
    return f"{row.get_measure_display().lower()} {until}" + f"; {flying} in flight" * bool(flying)


def finish_what_goes_on(row: Containment) -> None:
    """The barrier stands: now runs are paused, each by itself, and questions withdrawn, a few at
    a time, so that many of them delay nothing. (Suspending an agent does this for its own.)"""
    if row.measure not in STOPPING:
        return
    paused = []
    reason = f"{row.incident.reference}: {row.reason}"[:500]
    for run in queries.live_runs(row.place, row.target):
        with transaction.atomic():
            if pause(run, "person", reason):
                paused.append(str(run.pk))
    withdrawn = cancel_waiting(queries.waiting(row.place, row.target), "contained")
    paused = [*row.did.get("paused", ()), *paused]
    did = {**row.did, "paused": paused, "withdrawn": row.did.get("withdrawn", 0) + withdrawn}
    Containment.objects.filter(pk=row.pk).update(did=did)
    row.did = did


def finish_unconfirmed() -> int:
    """The same for measures that not every point has confirmed: whoever took them may have died
    halfway. Answers how many were looked at."""
    rows = Containment.objects.filter(
        measure__in=STOPPING, confirmed_at=None, lifted_at=None
    ).select_related("incident")
    found = list(rows.order_by("asked_at")[:50])
    for row in found:
        finish_what_goes_on(row)
    return len(found)
