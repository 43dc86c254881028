"""The verbs of an incident's life: each locks it, checks, moves it by a guarded UPDATE and tells
the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents import queries
from apps.incidents.models import Group, Incident, Note
from apps.incidents.services import receipts
from apps.incidents.states import MOVES, OVER, Kind, Severity, Status
from apps.ledger.services import record
from apps.registry.services import suspend_agent

GRAVE = (Severity.CRITICAL, Severity.HIGH)


def locked(incident: Incident) -> Incident:
    return Incident.objects.select_for_update().get(pk=incident.pk)


def refuse_owner(actor: User, incident: Incident) -> None:
    """Whoever answers for an agent may say something about its incident; others judge it."""
    if actor.pk in queries.owners_of(incident):
        raise NotPermitted("You own an agent that this is about, so somebody else does this.")


def move(incident: Incident, to: str, act: str, *, reason: str = "", **changes: Any) -> Incident:
    """Along MOVES, by a guarded UPDATE; Conflict where somebody was faster."""
    if to not in MOVES[incident.status]:
        words = Status(incident.status).label.lower()
        raise Conflict(f"{incident.reference} is {words}; this comes at another stage.")
    rows = Incident.objects.filter(pk=incident.pk, status=incident.status)
    if not rows.update(status=to, **changes):
        raise Conflict("Somebody else has just moved this incident.")
    before = incident.status
    incident.refresh_from_db()
    record(
        type=act, object=incident, reason=reason, before={"status": before}, after={"status": to}
    )
    return incident


@permitted("incidents.command")
@transaction.atomic
def triage(*, actor: User, incident: Incident, kind: str, severity: int, reason: str) -> Incident:
    """What it is and how grave, by somebody who does not own the agent."""
    row = locked(incident)
    refuse_owner(actor, row)
    if kind not in Kind.values or severity not in Severity.values:
        raise Invalid("Choose what it was and how grave.", fields={"severity": ["Choose one."]})
    if not row.links.exists():
        raise Invalid("Link an agent or a run first.", fields={"agent": ["Name one."]})
    return move(
        row, Status.TRIAGED, "incident.triaged", reason=reason, kind=kind, severity=severity,
        aware_at=row.aware_at or now(),
    )  # fmt: skip


@permitted("incidents.command")
@transaction.atomic
def change_severity(*, actor: User, incident: Incident, severity: int, reason: str) -> Incident:
    """Up or down at any time before the end; since when one knew of it stays what it was."""
    row = locked(incident)
    refuse_owner(actor, row)
    if severity not in Severity.values or severity == row.severity:
        raise Invalid("Choose another severity.", fields={"severity": ["Choose another."]})
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    rows = Incident.objects.filter(pk=row.pk, severity=row.severity).exclude(status__in=OVER)
    if not rows.update(severity=severity):
        raise Conflict("This incident is over, or somebody was faster.")
    record(
        type="incident.severity_changed", object=row, reason=reason,
        before={"severity": row.severity}, after={"severity": severity},
    )  # fmt: skip
    row.refresh_from_db()
    return row


@permitted("incidents.command")
@transaction.atomic
def take_command(*, actor: User, incident: Incident, to: User | None = None) -> Incident:
    """Exactly one person leads at a time. Whoever owns a linked agent cannot."""
    row = locked(incident)
    commander = to or actor
    if row.status in OVER:
        raise Conflict("This incident is over.")
    if commander.pk in queries.owners_of(row):
        raise NotPermitted("Whoever owns an agent that this is about does not lead it.")
    if to is not None and row.commander_id != actor.pk:
        raise NotPermitted("Only who leads hands over.")
    if commander.pk == row.commander_id:
        raise Conflict(f"{commander} leads already.")
    if not Incident.objects.filter(pk=row.pk, commander=row.commander_id).update(
        commander=commander
    ):
        raise Conflict("Somebody else has just taken the lead.")
    record(
        type="incident.command_taken", object=row,
        before={"commander": str(row.commander or "")}, after={"commander": str(commander)},
    )  # fmt: skip
    row.refresh_from_db()
    return row


@permitted("incidents.command")
def contain(*, actor: User, incident: Incident, suspend: bool, reason: str) -> dict[str, str]:
    """Suspends every linked agent that is at work (which stops its next action, withdraws its
    questions and pauses its runs), or says why nothing has to be stopped. Answers what became of
    each agent; where one could not be stopped the incident stays uncontained."""
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    results: dict[str, str] = {}
    clicked, stopped = now(), []
    for agent in queries.agents_of(incident) if suspend else []:
        if agent.status != "active":
            results[agent.slug] = f"was {agent.get_status_display().lower()} already"
            continue
        try:
            flying = suspend_agent(actor=actor, agent=agent, reason=f"{incident}: {reason}"[:500])
            results[agent.slug] = f"suspended; {len(flying)} in flight"
            stopped.append(agent)
        except (Conflict, NotPermitted) as refusal:
            results[agent.slug] = f"not suspended: {refusal.sentence}"
    with transaction.atomic():
        row = locked(incident)
        if any(words.startswith("not suspended") for words in results.values()):
            record(type="incident.containment_failed", object=row, outcome="failed", after=results)
            return results
        words = "; ".join(f"{slug} {what}" for slug, what in results.items())
        move(
            row, Status.CONTAINED, "incident.contained", reason=reason,
            contained_at=now(), containment=words or f"Nothing had to be stopped: {reason}",
        )  # fmt: skip
        receipts.owe(row, stopped, clicked)
    receipts.collect(row)
    return results


@permitted("incidents.command")
@transaction.atomic
def investigate(*, actor: User, incident: Incident) -> Incident:
    row = locked(incident)
    if row.commander_id is None:
        raise Conflict("Somebody has to lead it first.")
    return move(row, Status.INVESTIGATING, "incident.investigated")


@permitted("incidents.command")
@transaction.atomic
def confirm(*, actor: User, incident: Incident) -> Incident:
    """A person has read the timeline and found it right."""
    row = locked(incident)
    if row.status != Status.INVESTIGATING:
        raise Conflict("The timeline is confirmed while it is investigated.")
    if actor.pk in row.confirmed_by:
        raise Conflict("You have confirmed it already.")
    Incident.objects.filter(pk=row.pk).update(confirmed_by=[*row.confirmed_by, actor.pk])
    record(type="incident.timeline_confirmed", object=row)
    row.refresh_from_db()
    return row


@permitted("incidents.command")
@transaction.atomic
def to_review(*, actor: User, incident: Incident) -> Incident:
    """Findings are there, and the timeline is confirmed by who leads and one other."""
    row = locked(incident)
    if not row.findings.exists():
        raise Conflict("Write down a finding first.")
    if row.commander_id not in row.confirmed_by or len(row.confirmed_by) < 2:
        raise Conflict("Who leads and one other person confirm the timeline first.")
    return move(row, Status.IN_REVIEW, "incident.reviewed")


@permitted("incidents.command")
@transaction.atomic
def to_corrective(*, actor: User, incident: Incident) -> Incident:
    """Each finding has an action, or its risk is accepted."""
    row = locked(incident)
    open_ = row.findings.filter(actions__isnull=True, accepted="").count()
    if open_:
        raise Conflict(f"{open_} of the findings have neither an action nor an accepted risk.")
    return move(row, Status.CORRECTIVE, "incident.corrected")


@permitted("incidents.close")
@transaction.atomic
def close(*, actor: User, incident: Incident, reason: str) -> Incident:
    """Every action is done and found to work. At severity 1 and 2 somebody other than who leads
    closes."""
    row = locked(incident)
    refuse_owner(actor, row)
    if queries.undone(row):
        raise Conflict("Every action has to be done and verified first.")
    for each in queries.policy_actions(row):
        if not each.lessons:
            raise Conflict(f"“{each.action}” has no recorded action yet that it has to stop.")
        if not each.green:
            raise Conflict(f"What is in force would not stop all that “{each.action}” is about.")
    if row.severity in GRAVE and actor.pk == row.commander_id:
        raise NotPermitted("At this severity somebody other than who leads closes it.")
    closed = move(row, Status.CLOSED, "incident.closed", reason=reason, closed_at=now())
    Group.objects.filter(incident=row, is_open=True).update(is_open=False)
    return closed


@permitted("incidents.command")
@transaction.atomic
def dismiss(
    *, actor: User, incident: Incident, to: str, reason: str, original: Incident | None = None
) -> Incident:
    """As a duplicate or a false alarm. At severity 1 and 2 a second person has to say the same."""
    row = locked(incident)
    refuse_owner(actor, row)
    if to not in (Status.DUPLICATE, Status.FALSE_ALARM) or not reason.strip():
        raise Invalid("Say what it is, and why.", fields={"reason": ["Say why."]})
    if (to == Status.DUPLICATE) != (original is not None) or original == row:
        raise Invalid("Name the other incident.", fields={"original": ["Name another one."]})
    wish = {"to": to, "of": original.number if original else None}
    if row.severity in GRAVE and not seconded(row.dismissal, wish, actor):
        asked = {**wish, "by": actor.pk, "who": str(actor), "reason": reason}
        Incident.objects.filter(pk=row.pk).update(dismissal=asked)
        record(type="incident.dismissal_asked", object=row, reason=reason, after=wish)
        row.refresh_from_db()
        return row
    act = "incident.duplicate" if original else "incident.false_alarm"
    dismissed = move(row, to, act, reason=reason, duplicate_of=original, closed_at=now())
    Group.objects.filter(incident=row, is_open=True).update(is_open=False)
    return dismissed


def seconded(asked: Mapping[str, Any], wish: Mapping[str, Any], actor: User) -> bool:
    same = bool(asked) and all(asked.get(name) == value for name, value in wish.items())
    return same and asked.get("by") != actor.pk


@permitted("incidents.report")
@transaction.atomic
def note(*, actor: User, incident: Incident, text: str, about: dt.datetime | None = None) -> Note:
    """Something for the timeline; nothing there is ever changed."""
    if not text.strip():
        raise Invalid("Write something.", fields={"text": ["Write something."]})
    moment = now()
    row = Note(
        incident=incident, text=text.strip(), author_label=str(actor), at=moment,
        about=about or moment,
    )  # fmt: skip
    row.save(force_insert=True)
    record(type="incident.noted", object=incident, reason=text)
    return row
