from __future__ import annotations

from django.db.models import Count, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent
from apps.incidents.models import Corrective, Group, Incident, Link, Receipt
from apps.incidents.states import OVER, LinkKind
from apps.registry.models import Agent
from apps.registry.queries import in_flight as flying
from apps.registry.signals import InFlight


def incidents(
    reader: User, *, status: str = "open", severity: str = "", agent: str = "", search: str = ""
) -> QuerySet[Incident]:
    """The incidents that the reader may see; newest first is the pager's."""
    if not holds(reader, "incidents.view"):
        return Incident.objects.none()
    rows = Incident.objects.select_related("commander")
    if status == "open":
        rows = rows.exclude(status__in=OVER)
    elif status:
        rows = rows.filter(status=status)
    if severity.isdecimal():
        rows = rows.filter(severity=int(severity[:1]))
    if agent:
        rows = rows.filter(pk__in=Link.objects.filter(kind="agent", ref=agent).values("incident"))
    if search:
        number = search.upper().removeprefix("I-")
        found = Q(title__icontains=search)
        if number.isdecimal() and len(number) < 15:
            found |= Q(number=int(number))
        rows = rows.filter(found)
    return rows


def incident_numbered(reader: User, number: int) -> Incident:
    found = incidents(reader, status="").filter(number=number).first()
    if found is None:
        raise Absent
    return found


def open_counts(reader: User) -> dict[int, int]:
    """How many are open, by severity."""
    rows = incidents(reader).order_by().values_list("severity").annotate(Count("pk"))
    return dict(rows.order_by("severity"))


def agents_of(incident: Incident) -> list[Agent]:
    refs = incident.links.filter(kind=LinkKind.AGENT).values("ref")
    return list(Agent.objects.filter(slug__in=refs).select_related("owner").order_by("slug"))


def owners_of(incident: Incident) -> set[int]:
    """Who answers for an agent that the incident is about."""
    return {agent.owner_id for agent in agents_of(incident)}


def may_judge(reader: User, incident: Incident) -> bool:
    """Whether the reader may triage, contain and lead."""
    return holds(reader, "incidents.command") and reader.pk not in owners_of(incident)


def in_flight(incident: Incident) -> list[tuple[Agent, list[InFlight]]]:
    """What will stop: each linked agent that is at work, with what it has begun."""
    return [(agent, flying(agent)) for agent in agents_of(incident) if agent.status == "active"]


def receipts(incident: Incident) -> list[Receipt]:
    rows = Receipt.objects.filter(incident=incident)
    return list(rows.order_by("-asked_at", "agent", "point")[:100])


def undone(incident: Incident) -> QuerySet[Corrective]:
    return Corrective.objects.filter(finding__incident=incident, verified_at=None)


def groups(reader: User, *, only: str = "open") -> QuerySet[Group]:
    if not holds(reader, "incidents.view"):
        return Group.objects.none()
    rows = Group.objects.select_related("template", "incident")
    return rows.filter(is_open=True) if only == "open" else rows
