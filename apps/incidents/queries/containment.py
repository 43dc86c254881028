"""What a measure would stop, and what could be stopped at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Checkpoint
from apps.incidents.models import Containment, Incident, Signal
from apps.incidents.queries.incidents import agents_of
from apps.incidents.queries.lessons import acts_of
from apps.incidents.states import MEASURES, OVER, LinkKind, Measure, Place
from apps.orchestration.models import Run, Step, Workflow
from apps.orchestration.states import LIVE_RUNS, OPEN_STEPS, StepStatus
from apps.policies.models import Policy, PolicyVersion
from apps.policies.states import EVALUATED
from apps.registry.models import Agent, Tool
from apps.runtime.models import Action

LOOKED_AT = 200
COUNTED = 1_000


@dataclass(frozen=True)
class Target:
    """Something that could be contained: what of it is going on, and what is in force already."""

    place: str
    ref: str
    label: str
    waiting: int = 0
    running: int = 0
    runs: int = 0
    note: str = ""
    taken: list[str] = field(default_factory=list)
    offered: list[tuple[str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.place}:{self.ref}"

    @property
    def place_words(self) -> str:
        return Place(self.place).label


def waiting(place: str, ref: str) -> QuerySet[ApprovalRequest]:
    """The open questions to people that a measure about this withdraws."""
    rows = ApprovalRequest.objects.filter(status="pending")
    if place == Place.AGENT:
        return rows.filter(agent__slug=ref)
    if place == Place.TOOL:
        return rows.filter(tool=ref)
    if place == Place.POLICY:
        return rows.none()
    acts = Action.objects.filter(status="waiting")
    if place == Place.WORKFLOW:
        acts = acts.filter(run_id__in=live_runs(place, ref).values("pk"))
    else:
        acts = acts.filter(by_person(ref))
    return rows.filter(action_ref__in=acts.values("pk"))


def by_person(ref: str) -> Q:
    found = Q(on_behalf_of=ref)
    return found | Q(requester_id=int(ref)) if ref.isdecimal() else found


def open_steps(place: str, ref: str) -> QuerySet[Step]:
    rows = Step.objects.filter(status__in=OPEN_STEPS)
    if place == Place.AGENT:
        return rows.filter(agent__slug=ref)
    if place == Place.TOOL:
        return rows.filter(tool=ref)
    if place == Place.WORKFLOW:
        return rows.filter(run__workflow__slug=ref)
    if place == Place.PERSON and ref.isdecimal():
        return rows.filter(run__requester=int(ref))
    return rows.none()


def live_runs(place: str, ref: str) -> QuerySet[Run]:
    """The runs that are going on and have work left that a measure about this stops."""
    rows = Run.objects.filter(status__in=LIVE_RUNS)
    if place == Place.WORKFLOW:
        return rows.filter(workflow__slug=ref)
    return rows.filter(pk__in=open_steps(place, ref).values("run"))


def running(place: str, ref: str) -> int:
    return open_steps(place, ref).filter(status=StepStatus.RUNNING)[:COUNTED].count()


def targets(incident: Incident) -> list[Target]:
    """What the incident's links, signals and actions name: agents, tools, workflows, those on
    whose behalf it was, and the policies that let it pass. Each with what it would stop."""
    taken: dict[tuple[str, str], dict[str, str]] = {}
    for row in incident.containments.filter(lifted_at=None):
        words = f"{row.get_measure_display()}, until {row.expires_at:%d %b %Y %H:%M} UTC"
        taken.setdefault((row.place, row.target), {})[row.measure] = words
    acts = list(acts_of(incident).select_related("tool").order_by("-at")[:LOOKED_AT])
    found = [
        *((Place.AGENT, each.slug, each.name, status_note(each)) for each in agents_of(incident)),
        *tools_of(incident, acts),
        *workflows_of(incident),
        *people_of(acts),
        *policies_of(acts),
    ]
    return [
        Target(
            place=place,
            ref=ref,
            label=label,
            waiting=waiting(place, ref)[:COUNTED].count(),
            running=running(place, ref),
            runs=live_runs(place, ref)[:COUNTED].count(),
            note=note,
            taken=list(taken.get((place, ref), {}).values()),
            offered=[
                (code, words_for(place, code))
                for code in MEASURES[place]
                if code not in taken.get((place, ref), {})
            ],
        )
        for place, ref, label, note in found
    ]


Named = tuple[str, str, str, str]


def words_for(place: str, measure: str) -> str:
    if place == Place.POLICY:
        return "Freeze: no new version, and people see what it allows"
    return Measure(measure).label


def status_note(agent: Agent) -> str:
    return "" if agent.status == "active" else f"It is {agent.get_status_display().lower()}."


def tools_of(incident: Incident, acts: Iterable[Action]) -> list[Named]:
    names = {act.tool_name for act in acts if act.tool and act.tool.effect != "read"}
    names |= {group.tool for group in incident.groups.all()}
    rows = Tool.objects.filter(name__in=names).order_by("name")
    return [(Place.TOOL, row.name, row.title, "") for row in rows]


def workflows_of(incident: Incident) -> list[Named]:
    refs = [link.ref for link in incident.links.filter(kind=LinkKind.RUN)[:LOOKED_AT]]
    rows = (
        Workflow.objects.filter(runs__in=Run.objects.filter(pk__in=refs))
        .distinct()
        .order_by("title")
    )
    return [(Place.WORKFLOW, row.slug, row.title, "") for row in rows]


def people_of(acts: Iterable[Action]) -> list[Named]:
    keys = {act.requester_id for act in acts if act.requester_id}
    people = User.objects.filter(pk__in=keys).order_by("display_name")
    names = sorted({act.on_behalf_of for act in acts if act.on_behalf_of})
    known: list[Named] = [(Place.PERSON, str(row.pk), str(row), "") for row in people]
    return [*known, *((Place.PERSON, name, name, "as the agent says") for name in names)]


def policies_of(acts: Iterable[Action]) -> list[Named]:
    """Those that allowed an action that the incident is about."""
    slugs = {
        reason.get("policy")
        for act in acts
        if act.verdict == "allow"
        for reason in act.reasons
        if reason.get("kind") == "permit"
    }
    in_force = PolicyVersion.objects.filter(status__in=EVALUATED).values("policy")
    rows = Policy.objects.filter(slug__in=slugs, pk__in=in_force).order_by("title")
    return [(Place.POLICY, row.slug, row.title, "") for row in rows]


def checkpoints() -> list[Checkpoint]:
    """Where people could be asked."""
    return list(Checkpoint.objects.select_related("queue").order_by("-hard", "title")[:200])


def usual_checkpoint(tool: str) -> Checkpoint | None:
    """Where people were asked about a tool last; else a hard one, if there is any."""
    last = ApprovalRequest.objects.filter(tool=tool, checkpoints__isnull=False)
    row = last.order_by("-created_at").values_list("checkpoints__checkpoint", flat=True).first()
    found = Checkpoint.objects.filter(pk=row).first() if row else None
    return found or Checkpoint.objects.order_by("-hard", "slug").first()


def containments(incident: Incident) -> list[Containment]:
    rows = incident.containments.select_related("owner", "barrier").prefetch_related("receipts")
    return list(rows.order_by("-asked_at", "label")[:100])


def contained_incidents() -> QuerySet[Incident]:
    """Those with a measure in force that are not over."""
    live = Containment.objects.filter(lifted_at=None).values("incident")
    return Incident.objects.filter(pk__in=live).exclude(status__in=OVER)


def signals_about(incident: Incident) -> QuerySet[Signal]:
    return Signal.objects.filter(group__incident=incident)
