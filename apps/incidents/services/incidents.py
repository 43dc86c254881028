"""The verbs of an incident's life: each locks it, checks, moves it by a guarded UPDATE and tells
the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.queries import holds
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents import queries
from apps.incidents.models import Group, Incident, Link, Note
from apps.incidents.services import containment, lifting, tidings
from apps.incidents.services.moves import GRAVE, locked, move, refuse_owner
from apps.incidents.states import OVER, Kind, LinkKind, Severity, Status
from apps.ledger.services import record


@permitted("incidents.command")
def triage(*, actor: User, incident: Incident, kind: str, severity: int, reason: str) -> Incident:
    """What it is and how grave, by somebody who does not own the agent. At severity 1 and 2 its
    agents are suspended in the same breath."""
    row = triaged(actor, incident, kind, severity, reason)
    if row.severity in GRAVE:
        containment.at_the_outset(row, queries.tools_about(row))
    return row


@transaction.atomic
def triaged(actor: User, incident: Incident, kind: str, severity: int, reason: str) -> Incident:
    row = locked(incident)
    refuse_owner(actor, row)
    if kind not in Kind.values or severity not in Severity.values:
        raise Invalid("Choose what it was and how grave.", fields={"severity": ["Choose one."]})
    if not row.links.exists() and not row.groups.exists():
        raise Invalid("Link an agent or a run first.", fields={"agent": ["Name one."]})
    graver = severity in GRAVE and row.severity not in GRAVE
    move(
        row, Status.TRIAGED, "incident.triaged", reason=reason, kind=kind, severity=severity,
        aware_at=row.aware_at or now(),
    )  # fmt: skip
    if graver:
        tidings.opened(row)
    return row


@permitted("incidents.command")
def change_severity(*, actor: User, incident: Incident, severity: int, reason: str) -> Incident:
    """Up or down at any time before the end; since when one knew of it stays what it was. Raised
    to 1 or 2 it stops what it is about, as at the outset."""
    before = incident.severity
    row = graded(actor, incident, severity, reason)
    if row.severity in GRAVE and before not in GRAVE:
        containment.at_the_outset(row, queries.tools_about(row))
    return row


@transaction.atomic
def graded(actor: User, incident: Incident, severity: int, reason: str) -> Incident:
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
    graver = severity in GRAVE and row.severity not in GRAVE
    row.refresh_from_db()
    if graver:
        tidings.opened(row)
    return row


@permitted("incidents.command")
@transaction.atomic
def take_command(*, actor: User, incident: Incident, to: User | None = None) -> Incident:
    """Exactly one person leads at a time, who may. Whoever owns a linked agent cannot."""
    row = locked(incident)
    commander = to or actor
    if row.status in OVER:
        raise Conflict("This incident is over.")
    if commander.pk in queries.owners_of(row):
        raise NotPermitted("Whoever owns an agent that this is about does not lead it.")
    if not tidings.hearing(row, [commander]) or not holds(commander, "incidents.command"):
        raise NotPermitted(f"{commander} may not lead it.")
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
    """Each finding has an action, or its risk is accepted. At severity 1 and 2, and for a serious
    incident, the review was held, or left out with a reason."""
    row = locked(incident)
    if (row.severity in GRAVE or row.is_serious) and not row.reviews.exists():
        raise Conflict("Hold the review first, or say why there is none.")
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
    lifting.refuse_in_force(row)
    if queries.open_clocks(row).exists():
        raise Conflict("A legal period still runs: it is met, or set aside with a reason, first.")
    for each in queries.policy_actions(row):
        if not each.lessons:
            raise Conflict(f"“{each.action}” has no recorded action yet that it has to stop.")
        if not each.green:
            raise Conflict(f"What is in force would not stop all that “{each.action}” is about.")
    grave = row.severity in GRAVE or row.is_serious
    if grave and actor.pk == row.commander_id:
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
    lifting.refuse_in_force(row)
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


@permitted("incidents.command")
@transaction.atomic
def name_person(*, actor: User, incident: Incident, person: User, reason: str) -> Link:
    """Whom it is about. From now on it is hidden from them, and they are told that there is
    one; nobody names themselves off an incident, and who leads is replaced first."""
    row = locked(incident)
    refuse_owner(actor, row)
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if person.pk == actor.pk or person.pk == row.commander_id:
        raise Conflict("Somebody else leads it, and names them.")
    made, new = Link.objects.get_or_create(
        incident=row, kind=LinkKind.PERSON, ref=str(person.pk), defaults={"label": str(person)}
    )
    if not new:
        raise Conflict(f"{person} is named already.")
    record(type="incident.person_linked", object=row, reason=reason, after={"who": str(person)})
    tidings.concerned(row, person)
    return made


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
