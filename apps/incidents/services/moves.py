"""What every verb of an incident does: lock it, refuse whom it is about, and move it by a guarded
UPDATE."""

from __future__ import annotations

from typing import Any

from apps.access.models import User
from apps.common.errors import Absent, Conflict, NotPermitted
from apps.incidents import queries
from apps.incidents.models import Incident
from apps.incidents.states import MOVES, Severity, Status
from apps.ledger.services import record

GRAVE = (Severity.CRITICAL, Severity.HIGH)


def locked(incident: Incident) -> Incident:
    """Not against rows that refer to it: whoever reads the ledger links signals without this lock,
    and each would wait for the other."""
    return Incident.objects.select_for_update(no_key=True).get(pk=incident.pk)


def refuse_owner(actor: User, incident: Incident) -> None:
    """Whoever answers for an agent may say something about its incident; others judge it. For whom
    it is about there is no such incident."""
    if actor.pk in queries.subjects_of(incident):
        raise Absent
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
