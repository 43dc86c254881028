"""Evidence that is kept: a legal hold of the ledger, and agents that nobody changes."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.incidents import queries
from apps.incidents.models import Incident
from apps.incidents.services.lifting import end
from apps.incidents.services.measures import Wish, take
from apps.incidents.services.moves import locked, refuse_owner
from apps.incidents.states import OVER, Measure, Place
from apps.ledger.models import Hold
from apps.ledger.services import record
from apps.registry.models import Agent


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
