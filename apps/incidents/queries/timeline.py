"""The timeline that writes itself: the ledger's acts over the linked agents and runs."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q

from apps.common.clock import now
from apps.incidents.models import Incident
from apps.incidents.queries.incidents import agents_of
from apps.incidents.rules import Line, with_gaps
from apps.incidents.states import LinkKind
from apps.ledger.catalogue import ACTS
from apps.ledger.models import LedgerEvent

BEFORE, AFTER = dt.timedelta(hours=24), dt.timedelta(hours=2)
MOST = 300
GROUP = "incidents.group"


def timeline(incident: Incident) -> tuple[list[Line], bool]:
    """References to the ledger's acts, oldest first, with people's notes and what is not known
    between them; and whether there is more than is shown. From a day before the first sign to two
    hours after it was contained."""
    begin = (incident.occurred_at or incident.detected_at) - BEFORE
    end = incident.contained_at + AFTER if incident.contained_at else now()
    events = list(
        LedgerEvent.objects.filter(about(incident), at__gte=begin, at__lte=end)
        .exclude(type="incident.noted")
        .select_related("personal")
        .order_by("-at", "-id")[: MOST + 1]
    )
    lines = [
        Line(
            at=event.at,
            words=words_of(event, incident),
            who=event.actor_label,
            reference=str(event.pk),
        )
        for event in events[:MOST]
    ]
    notes = [
        Line(at=note.about, words=note.text, who=note.author_label, kind="note")
        for note in incident.notes.order_by("at")
    ]
    return with_gaps([*lines, *notes]), len(events) > MOST


def words_of(event: LedgerEvent, incident: Incident) -> str:
    """The act and what it was done to; an act on the incident itself or on its signals with its
    measure or reason, for which incident it is stands above."""
    own = event.object_id == str(incident.pk) or event.object_type == GROUP
    what = (event.after or {}).get("measure") or event.why if own else event.object_label
    return f"{ACTS.get(event.type, event.type)}: {what}".rstrip(": ")


def about(incident: Incident) -> Q:
    runs = [link.ref for link in incident.links.all() if link.kind == LinkKind.RUN]
    agents = [str(agent.pk) for agent in agents_of(incident)]
    groups = [str(pk) for pk in incident.groups.values_list("pk", flat=True)]
    found = Q(object_type="incidents.incident", object_id=str(incident.pk))
    if groups:
        found |= Q(object_type=GROUP, object_id__in=groups)
    if runs:
        found |= Q(run_id__in=runs)
    if agents:
        found |= Q(object_type="registry.agent", object_id__in=agents)
        if not runs:
            found |= Q(actor_kind="agent", actor_id__in=agents)
    return found
