from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from django.db.models import Count, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent
from apps.incidents.models import Containment, Corrective, Group, Incident, Link
from apps.incidents.states import OVER, LinkKind, Measure
from apps.orchestration.models import Run, Workflow
from apps.registry.models import Agent


def incidents(
    reader: User, *, status: str = "open", severity: str = "", agent: str = "", search: str = ""
) -> QuerySet[Incident]:
    """The incidents that the reader may see; newest first is the pager's."""
    if not holds(reader, "incidents.view"):
        return Incident.objects.none()
    rows = Incident.objects.select_related("commander").exclude(
        pk__in=Link.objects.filter(kind=LinkKind.PERSON, ref=str(reader.pk)).values("incident")
    )
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


def measures_in_force(incidents: Iterable[Incident]) -> dict[uuid.UUID, int]:
    """How many measures hold for each that has any."""
    rows = Containment.objects.filter(incident__in=list(incidents), lifted_at=None)
    return dict(
        rows.exclude(measure=Measure.KEEP).order_by().values_list("incident").annotate(Count("pk"))
    )


def about_agents(incidents: Iterable[Incident]) -> set[uuid.UUID]:
    """Those of them that name an agent that could be stopped here."""
    rows = Link.objects.filter(incident__in=list(incidents), kind=LinkKind.AGENT)
    return set(rows.values_list("incident", flat=True))


def agents_of(incident: Incident) -> list[Agent]:
    refs = incident.links.filter(kind=LinkKind.AGENT).values("ref")
    return list(Agent.objects.filter(slug__in=refs).select_related("owner").order_by("slug"))


def run_keys(incident: Incident) -> set[uuid.UUID]:
    """The runs that the incident names."""
    refs = incident.links.filter(kind=LinkKind.RUN).values_list("ref", flat=True)
    return {uuid.UUID(ref) for ref in refs}


def run_numbers(incident: Incident) -> dict[str, int]:
    """The numbers of the runs that it names, by how it names them."""
    rows = Run.objects.filter(pk__in=run_keys(incident))
    return {pk.hex: number for pk, number in rows.values_list("pk", "number")}


def owners_of(incident: Incident) -> set[int]:
    """Who answers for an agent that the incident is about."""
    return {agent.owner_id for agent in agents_of(incident)}


def subjects_of(incident: Incident) -> set[int]:
    """Whom it is about: it is hidden from them."""
    refs = incident.links.filter(kind=LinkKind.PERSON).values_list("ref", flat=True)
    return {int(ref) for ref in refs}


def tools_about(incident: Incident) -> list[str]:
    """The tools of its signals."""
    return sorted({name for name in incident.groups.values_list("tool", flat=True) if name})


def workflow_named(slug: str) -> Workflow | None:
    return Workflow.objects.filter(slug=slug).first()


def person_named(ref: str) -> User | str | None:
    """A person by key; or the name on whose behalf an agent said that it acts."""
    if ref.isdecimal():
        return User.objects.filter(pk=int(ref)).first()
    return ref


def runs_named(keys: Sequence[str]) -> list[Run]:
    return list(Run.objects.filter(pk__in=list(keys)).order_by("number"))


def may_judge(reader: User, incident: Incident) -> bool:
    """Whether the reader may triage, contain and lead."""
    return holds(reader, "incidents.command") and reader.pk not in owners_of(incident)


def undone(incident: Incident) -> QuerySet[Corrective]:
    return Corrective.objects.filter(finding__incident=incident, verified_at=None)


def groups(reader: User, *, only: str = "open") -> QuerySet[Group]:
    if not holds(reader, "incidents.view"):
        return Group.objects.none()
    rows = Group.objects.select_related("template", "incident")
    return rows.filter(is_open=True) if only == "open" else rows


def group_with(reader: User, pk: uuid.UUID) -> Group:
    found = groups(reader, only="").filter(pk=pk).first()
    if found is None:
        raise Absent
    return found
