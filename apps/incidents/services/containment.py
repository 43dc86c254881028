"""What a responder stops at once, and how it is lifted: a barrier that the gate heeds from the
next action on, and then what was going on already."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals.models import Checkpoint
from apps.approvals.services import cancel_for_action
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, Refused
from apps.incidents import queries
from apps.incidents.models import Containment, Incident
from apps.incidents.services import receipts, tidings
from apps.incidents.services.moves import locked, move, refuse_owner
from apps.incidents.states import MEASURES, OVER, Measure, Place, Status
from apps.ledger.models import Hold
from apps.ledger.services import record
from apps.orchestration.services import bring_back
from apps.orchestration.services.moves import pause
from apps.policies.models import Policy
from apps.registry import barriers
from apps.registry.models import Agent, Barrier, Grant, Tool
from apps.registry.queries import in_flight, standing_barriers
from apps.registry.services import continue_agent, revoke_grant, stop_agent
from apps.registry.states import AgentStatus, BarrierMeasure

USUAL = dt.timedelta(hours=72)
LONGEST = dt.timedelta(days=30)
LISTED = 50
FAILED = "not done"
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


@permitted("incidents.command")
def contain(
    *,
    actor: User | None,
    incident: Incident,
    wishes: Sequence[Wish],
    reason: str,
    lasts: dt.timedelta = USUAL,
    owner: User | None = None,
    checkpoint: str = "",
) -> dict[str, str]:
    """Takes every measure that is wished for, and answers what became of each. With none, the
    reason says why nothing (more) has to be stopped. A triaged incident is contained when all of
    them hold; where one could not be taken it stays as it is, and responders are told.
    `checkpoint` is where people are asked by measures that ask."""
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if not dt.timedelta(0) < lasts <= LONGEST:
        raise Invalid("A measure lasts up to 30 days.", fields={"hours": ["Up to 30 days."]})
    if incident.status in OVER:
        raise Conflict("This incident is over.")
    clicked, results, taken = now(), {}, []
    for wish in wishes:
        try:
            row = take(incident, wish, reason, clicked, lasts, owner or actor, checkpoint, actor)
        except InForce as standing:
            results[wish.name] = standing.sentence
            continue
        except Refused as refusal:
            results[wish.name] = f"{FAILED}: {refusal.sentence}"
            continue
        taken.append(row)
        results[wish.name] = words_of(row)
    settle(incident, results, reason)
    for row in taken:
        finish_what_goes_on(row)
    receipts.collect(incident)
    receipts.watch(incident)
    return results


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


def finish_what_goes_on(row: Containment) -> None:
    """The barrier stands: now runs are paused and questions withdrawn, each by itself, so that
    many of them delay nothing. (Suspending an agent does this for its own.)"""
    if row.measure not in STOPPING:
        return
    paused = []
    reason = f"{row.incident.reference}: {row.reason}"[:500]
    for run in queries.live_runs(row.place, row.target):
        with transaction.atomic():
            if pause(run, "person", reason):
                paused.append(str(run.pk))
    withdrawn = 0
    for ref in queries.waiting(row.place, row.target).values_list("action_ref", flat=True):
        withdrawn += cancel_for_action(action_ref=ref, reason_code="contained")
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


def words_of(row: Containment) -> str:
    if row.measure == Measure.REVOKE:
        return f"{len(row.did.get('revoked', ()))} permissions taken"
    flying = len(row.did.get("flying", ()))
    until = f"until {row.expires_at:%d %b %H:%M} UTC"
    return f"{row.get_measure_display().lower()} {until}" + f"; {flying} in flight" * bool(flying)


def settle(incident: Incident, results: dict[str, str], reason: str) -> None:
    """Contained, where everything was done; on record as not contained where something failed."""
    with transaction.atomic():
        row = locked(incident)
        if any(words.startswith(FAILED) for words in results.values()):
            record(type="incident.containment_failed", object=row, outcome="failed", after=results)
            tidings.uncontained(row)
        elif row.status == Status.TRIAGED:
            words = "; ".join(f"{name.partition(':')[2]}: {what}" for name, what in results.items())
            if not words and row.containments.filter(lifted_at=None).exists():
                words = f"By what was in force already: {reason}"
            move(
                row, Status.CONTAINED, "incident.contained", reason=reason,
                contained_at=now(), containment=words or f"Nothing had to be stopped: {reason}",
            )  # fmt: skip
    incident.refresh_from_db()


def at_the_outset(incident: Incident, tools: Sequence[str] = ()) -> dict[str, str]:
    """At severity 1 and 2, when it opens: the agents that it is about are suspended, and others'
    use of the same tools is put before people. A person lifts it."""
    agents = queries.agents_of(incident)
    live = incident.containments.filter(lifted_at=None).exclude(measure=Measure.KEEP)
    taken = set(live.values_list("place", "target"))
    wishes = [Wish(Place.AGENT, agent.slug, Measure.SUSPEND) for agent in agents]
    if queries.usual_checkpoint("") is not None:
        known = Tool.objects.filter(name__in=[name for name in tools if name])
        wishes += [Wish(Place.TOOL, tool.name, Measure.ASK) for tool in known]
    wishes = [wish for wish in wishes if (wish.place, wish.ref) not in taken]
    if not wishes:
        return {}
    with acting(kind="system", label="Agent Council"):
        return contain(
            actor=None,
            incident=incident,
            wishes=wishes,
            reason=f"Severity {incident.severity}: stopped until somebody has looked.",
        )


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


@permitted("incidents.command")
@transaction.atomic
def keep_evidence(*, actor: User | None, incident: Incident, reason: str) -> Incident:
    """Nothing of the record is purged, and the linked agents are neither changed nor retired,
    until somebody who may close says otherwise. Suspending them stays possible."""
    row = locked(incident)
    if row.status in OVER:
        raise Conflict("This incident is over.")
    if row.hold_id is not None:
        raise Conflict("Its evidence is kept already.")
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    moment = now()
    hold = Hold(
        name=row.reference, basis=reason.strip(), opened_at=moment,
        opened_by_label=str(actor or "the product itself"),
    )  # fmt: skip
    hold.save()
    record(type="ledger.hold_opened", object=hold, reason=reason, stream="protected")
    if not Incident.objects.filter(pk=row.pk, hold=None).update(hold=hold):
        raise Conflict("Its evidence is kept already.")
    for agent in queries.agents_of(row):
        keep_evidence_of(row, agent, actor, reason)
    record(type="incident.evidence_kept", object=row, reason=reason)
    row.refresh_from_db()
    return row


def keep_evidence_of(
    incident: Incident, agent: Agent, actor: User | None, reason: str = ""
) -> None:
    """Until the hold of the incident is released the agent is neither changed nor retired."""
    wish = Wish(Place.AGENT, agent.slug, Measure.KEEP)
    reason = reason or (incident.hold.basis if incident.hold else "")
    take(incident, wish, reason, now(), dt.timedelta(days=3_650), actor, "", actor)


@permitted("incidents.close")
@transaction.atomic
def release_evidence(*, actor: User, incident: Incident, reason: str) -> Incident:
    """Purges run again and the agents may be changed. While a report to an authority is owed the
    evidence stays (Art. 73(6))."""
    row = locked(incident)
    refuse_owner(actor, row)
    if row.hold is None:
        raise Conflict("No evidence is kept for this incident.")
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if queries.open_clocks(row).exists():
        raise Conflict("A report is still owed: met, or set aside, it lets the evidence go.")
    hold = row.hold
    if not Incident.objects.filter(pk=row.pk, hold=hold).update(hold=None):
        raise Conflict("Somebody else has just released it.")
    if hold.compare_and_set(where={"lifted_at__isnull": True}, lifted_at=now()):
        record(type="ledger.hold_lifted", object=hold, reason=reason, stream="protected")
    for each in row.containments.filter(measure=Measure.KEEP, lifted_at=None):
        end(each, str(actor), reason.strip())
    record(type="incident.evidence_released", object=row, reason=reason)
    row.refresh_from_db()
    return row


def refuse_in_force(incident: Incident) -> None:
    """Raises Conflict where a measure that stops something is still in force."""
    live = incident.containments.filter(lifted_at=None).exclude(
        measure__in=(Measure.KEEP, Measure.REVOKE)
    )
    if live.exists():
        raise Conflict("What is contained is released first: lift each measure, with a reason.")
