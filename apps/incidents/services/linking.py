"""What an incident is about, where its signals do not say it: a person names an agent or a run."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.errors import Conflict, Invalid
from apps.incidents import queries
from apps.incidents.models import Incident, Link
from apps.incidents.services import containment, evidence
from apps.incidents.services.moves import GRAVE, locked, refuse_owner
from apps.incidents.services.opening import links
from apps.incidents.states import OVER
from apps.ledger.services import record
from apps.orchestration.models import Run
from apps.registry.models import Agent


@permitted("incidents.command")
def link_to(
    *, actor: User, incident: Incident, agent: Agent | None = None, run: Run | None = None
) -> Incident:
    """From now on it is about this, too. At severity 1 and 2 an agent is suspended by it, as at the
    outset; while evidence is kept, its evidence is kept as well."""
    row = linked(actor, incident, agent, run)
    if agent is not None and row.severity in GRAVE:
        containment.at_the_outset(row, queries.tools_about(row))
    return row


@transaction.atomic
def linked(actor: User, incident: Incident, agent: Agent | None, run: Run | None) -> Incident:
    row = locked(incident)
    refuse_owner(actor, row)
    if row.status in OVER:
        raise Conflict("This incident is over.")
    if agent is None and run is None:
        raise Invalid("Name an agent or a run.", fields={"agent": ["Name one."]})
    if agent is not None and agent.owner_id == row.commander_id:
        raise Conflict(f"{row.commander} leads it and owns {agent}: somebody else leads first.")
    fresh = [each for each in links(row, [agent] if agent else [], [run] if run else [])
             if put(each)]  # fmt: skip
    if not fresh:
        raise Conflict("It is linked already.")
    names = ", ".join(each.label for each in fresh)
    record(type="incident.linked", object=row, reason=names, typed=False)
    if agent is not None and row.hold_id is not None:
        evidence.keep_evidence_of(row, agent, actor)
    return row


def put(wanted: Link) -> bool:
    """Whether it is new: the signals may name the same at this moment."""
    _, new = Link.objects.get_or_create(
        incident=wanted.incident, kind=wanted.kind, ref=wanted.ref,
        defaults={"label": wanted.label},
    )  # fmt: skip
    return new
