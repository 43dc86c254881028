"""How an incident begins: from signals, or by a person; and how one comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import transaction

from apps.access.models import User
from apps.access.queries import holds
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.common.numbering import save_numbered
from apps.incidents.models import Corrective, Group, Incident, Link, Signal
from apps.incidents.rules import SOURCES, Raw
from apps.incidents.services import containment, tidings
from apps.incidents.services.moves import GRAVE
from apps.incidents.states import OVER, Kind, LinkKind, Severity, Status
from apps.ledger.services import record
from apps.orchestration.models import Run
from apps.registry.models import Agent


def open_for(group: Group, raws: Sequence[Raw]) -> Incident:
    """An incident from a group's signals; or the open one that is about the same run; or the closed
    one that this failure belonged to, which is opened again, for what was done about it did not
    help."""
    before = (
        Group.objects.filter(key=group.key, incident__status=Status.CLOSED)
        .select_related("incident")
        .order_by("-last_at")
        .first()
    )
    incident, fresh = before.incident if before is not None else None, False
    if incident is not None:
        come_back(incident)
    elif (going := about_same_run(raws)) is not None:
        incident = going
    else:
        source = SOURCES[group.source]
        about = f" ({group.tool})" if group.tool else ""
        jumped = group.jumped_on in {raw.at.date() for raw in raws}
        often = ", far more often than it used to" if jumped else ""
        incident = Incident(
            title=f"{source.title}{about}"[:200],
            summary=str(group.template),
            kind=source.kind,
            severity=source.severity,
            told_by=source.words + often,
            occurred_at=group.first_at,
            detected_at=now(),
        )
        save_numbered(incident)
        record(
            type="incident.opened",
            object=incident,
            reason=source.words + often,
            after={"severity": source.severity, "group": group.key},
        )
        fresh = True
    Group.objects.filter(pk=group.pk).update(incident=incident)
    group.incident = incident
    add_links(incident, raws)
    if fresh:
        begun(incident, [group.tool])
    return incident


def begun(incident: Incident, tools: Sequence[str]) -> None:
    """Who has to know is told; at severity 1 and 2 what it is about is stopped, once the incident
    itself is on record."""
    tidings.opened(incident)
    if incident.severity in GRAVE:
        transaction.on_commit(partial(containment.at_the_outset, incident, tools), robust=True)


def about_same_run(raws: Iterable[Raw]) -> Incident | None:
    """Where one run fails in several ways, or several of its steps are taken back, that is one
    incident with several groups."""
    refs = {raw.run_id.hex for raw in raws if raw.run_id}
    links = Link.objects.filter(kind=LinkKind.RUN, ref__in=refs)
    rows = Incident.objects.exclude(status__in=OVER).filter(pk__in=links.values("incident"))
    return rows.order_by("-detected_at").first()


def come_back(incident: Incident) -> None:
    moved = Incident.objects.filter(pk=incident.pk, status=Status.CLOSED).update(
        status=Status.TRIAGED,
        closed_at=None,
        contained_at=None,
        containment="",
        confirmed_by=[],
        recurrences=incident.recurrences + 1,
    )
    if not moved:
        return
    actions = Corrective.objects.filter(finding__incident=incident, failed_at=None)
    failed = actions.update(failed_at=now())
    record(
        type="incident.reopened",
        object=incident,
        reason="The same failure came back.",
        after={"actions_without_effect": failed},
    )
    tidings.came_back(incident)


def add_links(incident: Incident, raws: Iterable[Raw]) -> None:
    """The agents and runs of the signals."""
    raws = list(raws)
    agents = Agent.objects.filter(slug__in={raw.agent for raw in raws if raw.agent})
    runs = Run.objects.filter(pk__in={raw.run_id for raw in raws if raw.run_id})
    link(incident, agents, runs)


def link_signals(incident: Incident, signals: Iterable[Signal]) -> None:
    """The agents and runs of signals that were put to the incident's group."""
    rows = list(signals)
    agents = Agent.objects.filter(slug__in={row.agent for row in rows if row.agent})
    link(incident, agents, Run.objects.filter(pk__in={row.run_id for row in rows if row.run_id}))


def link(incident: Incident, agents: Iterable[Agent], runs: Iterable[Run]) -> None:
    Link.objects.bulk_create(links(incident, agents, runs), ignore_conflicts=True)


def links(incident: Incident, agents: Iterable[Agent], runs: Iterable[Run]) -> list[Link]:
    return [
        *(Link(incident=incident, kind=LinkKind.AGENT, ref=a.slug, label=a.label) for a in agents),
        *(
            Link(incident=incident, kind=LinkKind.RUN, ref=r.pk.hex, label=str(r)[:200])
            for r in runs
        ),
    ]


@permitted("incidents.report")
@transaction.atomic
def report(
    *,
    actor: User,
    title: str,
    summary: str,
    kind: str,
    severity: int,
    agents: Sequence[Agent] = (),
    runs: Sequence[Run] = (),
    occurred_at: dt.datetime | None = None,
) -> Incident:
    """A person tells of something. Anybody may, and nothing stops by it yet; where a responder
    reports it as severity 1 or 2, its agents are suspended at once."""
    moment = now()
    if not title.strip():
        raise Invalid("Say in a line what happened.", fields={"title": ["Write a line."]})
    if kind not in Kind.values or severity not in Severity.values:
        raise Invalid("Choose what it was and how grave.", fields={"severity": ["Choose one."]})
    if occurred_at is not None and occurred_at > moment:
        raise Invalid("It cannot have happened yet.", fields={"occurred_at": ["It is to come."]})
    incident = Incident(
        title=title.strip()[:200],
        summary=summary.strip(),
        kind=kind,
        severity=severity,
        told_by=str(actor),
        occurred_at=occurred_at,
        detected_at=moment,
        aware_at=moment,
    )
    save_numbered(incident)
    link(incident, agents, runs)
    record(type="incident.reported", object=incident, after={"severity": severity, "kind": kind})
    if holds(actor, "incidents.command"):
        begun(incident, [])
    else:
        tidings.opened(incident)
    return incident
