from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Min, Q, QuerySet
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest
from apps.common.clock import now
from apps.common.errors import Absent
from apps.orchestration.definitions import RunState, StepView
from apps.orchestration.models import STEP_NEEDS_PERSON, Pulse, Run, Step
from apps.orchestration.states import ASKS, BUDGET, OPEN_STEPS
from apps.registry.models import Agent
from apps.registry.signals import InFlight
from apps.runtime import outside
from apps.runtime.models import Action, Effect

LISTED = 200


def runs(
    reader: User, *, status: str = "", workflow: str = "", agent: str = "", search: str = ""
) -> QuerySet[Run]:
    """The runs that the reader may see; newest first is the pager's."""
    if not holds(reader, "runs.view"):
        return Run.objects.none()
    found = Run.objects.select_related("workflow", "requester")
    if status:
        found = found.filter(status=status)
    if workflow:
        found = found.filter(workflow__slug=workflow)
    if agent:
        found = found.filter(pk__in=Step.objects.filter(agent__slug=agent).values("run_id"))
    return found.filter(matching(search)) if search else found


def matching(search: str) -> Q:
    number = search.upper().removeprefix("R-")
    if number.isdecimal() and len(number) < 15:
        return Q(number=int(number)) | Q(subject__icontains=search)
    return Q(subject__icontains=search)


def run_numbered(reader: User, number: int) -> Run:
    found = runs(reader).filter(number=number).first()
    if found is None:
        raise Absent
    return found


@dataclass(frozen=True)
class StepLine:
    """A step with everything that its line in the timeline shows."""

    step: Step
    actions: list[Action]
    requests: list[ApprovalRequest]

    @property
    def action(self) -> Action | None:
        return self.actions[-1] if self.actions else None


def timeline(run: Run) -> list[StepLine]:
    """The steps of a run in order, with each attempt's verdict; three queries in all."""
    steps = list(run.steps.select_related("agent").order_by("created_at", "pk"))
    rows = Action.objects.filter(run_id=run.pk).select_related("tool")
    actions = group(rows.order_by("at", "pk"), "step_id")
    ids = [action.pk for found in actions.values() for action in found if action.approval_id]
    asked = group(
        ApprovalRequest.objects.filter(action_ref__in=ids).order_by("created_at"), "action_ref"
    )
    lines = []
    for step in steps:
        own = actions.get(step.pk, [])
        requests = [request for action in own for request in asked.get(action.pk, [])]
        lines.append(StepLine(step, own, requests))
    return lines


def group(rows: Any, field: str) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, field), []).append(row)
    return found


def state_of(run: Run) -> RunState:
    """What the workflow's definition may know, newest plan last."""
    steps = run.steps.filter(compensates__isnull=True).order_by("plan_version", "created_at")
    return RunState(run.trigger, {step.key: view_of(step) for step in steps})


def view_of(step: Step) -> StepView:
    return StepView(step.status, step.result or {}, step.error, step.note, step.code)


def results_of(run: Run) -> dict[str, dict[str, Any]]:
    steps = run.steps.filter(status="succeeded", compensates__isnull=True)
    return {step.key: step.result or {} for step in steps}


@dataclass(frozen=True)
class Undoable:
    """One finished step in the preview of a rollback."""

    step: Step
    verdict: str
    sentence: str


def rollback_preview(run: Run) -> list[Undoable]:
    """Item by item, newest first: what will be undone, and what cannot be. Three queries."""
    done = run.steps.filter(
        status__in=["succeeded", "compensation_failed"], compensates__isnull=True
    )
    steps = list(done.order_by("-ended_at", "-pk"))
    actions = Action.objects.select_related("tool").in_bulk([step.action_ref for step in steps])
    effects = Effect.objects.in_bulk([step.idem_key for step in steps])
    return [
        undoable(step, actions.get(step.action_ref), effects.get(step.idem_key)) for step in steps
    ]


def undoable(step: Step, action: Action | None, effect: Effect | None) -> Undoable:
    tool = action.tool if action else None
    if tool is None or tool.effect == "read":
        return Undoable(step, "nothing", "It only read.")
    if tool.effect == "irreversible" or not (tool.compensation or tool.executor == "agent"):
        return Undoable(step, "irreversible", "It cannot be taken back.")
    if tool.executor == "agent":
        sentence = f"{step.agent} did this with its own hands; it is taken back there."
        return Undoable(step, "irreversible", sentence)
    if effect is None or effect.status not in ("done", "undoing"):
        return Undoable(step, "nothing", "It left nothing to take back.")
    return Undoable(step, "undo", f"{step.tool} will be taken back, if nobody changed it since.")


@dataclass(frozen=True)
class Progress:
    done: int
    all: int


def undo_progress(lines: list[StepLine]) -> Progress:
    """How far an undoing is, of the steps that wrote something."""
    wrote = [
        line
        for line in lines
        if line.action and line.action.tool and line.action.tool.effect != "read"
    ]
    statuses = [line.step.status for line in wrote]
    done = statuses.count("compensated")
    left = sum(statuses.count(one) for one in ("succeeded", "compensating", "compensation_failed"))
    return Progress(done, done + left)


def goes_on_at(run: Run, lines: list[StepLine]) -> dt.datetime | None:
    """When a run that a budget stopped goes on by itself; None where only a person lets it."""
    if run.status != "paused":
        return None
    blocked = [line.step for line in lines if (line.step.status, line.step.code) == READY_AGAIN]
    return min((step.not_before for step in blocked if step.not_before), default=None)


READY_AGAIN = ("ready", BUDGET)


def why_stuck(run: Run) -> str:
    """What stands in the way of the undoing, in the words of the step that stopped it."""
    stuck = run.steps.filter(status__in=["compensation_failed", "in_doubt"])
    step = stuck.order_by("-ended_at").first()
    return f"{step.purpose or step.key}: {step.error}" if step else ""


@dataclass(frozen=True)
class Needed:
    """Something that waits for a person to look: a step, a whole run that was stopped, or what an
    outside agent did. `kind` and `status` choose its words."""

    of: Run | Agent
    kind: str
    status: str
    name: str
    tool: str
    error: str
    pk: uuid.UUID | None = None
    until: dt.datetime | None = None

    @property
    def run(self) -> Run | None:
        return self.of if isinstance(self.of, Run) else None

    @property
    def reference(self) -> str:
        return self.of.reference if isinstance(self.of, Run) else str(self.of)

    @property
    def url(self) -> str:
        if isinstance(self.of, Run):
            return reverse("orchestration:run", args=[self.of.number])
        return reverse("registry:agent", args=[self.of.slug])


def attention(reader: User) -> list[Needed]:
    """Steps that gave up, are in doubt or could not be undone, runs that were stopped because a
    budget was used up, agents contradict each other, or they went in circles, what was done for an
    outside agent with an end that nobody knows, and outside agents that do not tell theirs."""
    if not holds(reader, "runs.view"):
        return []
    rows = Step.objects.filter(STEP_NEEDS_PERSON).select_related("run")
    rows = rows.exclude(compensates__isnull=False, status="dead").exclude(code="left")
    steps = [
        Needed(
            step.run, "step", step.status, step.purpose or step.key, step.tool, step.error, step.pk
        )
        for step in rows.order_by("-created_at")[:LISTED]
    ]
    blocked = Q(steps__status="ready", steps__code=BUDGET)
    stopped = Run.objects.filter(status="paused", wait_reason__in=STOPPED).annotate(
        until=Min("steps__not_before", filter=blocked)
    )
    runs_ = [
        Needed(run, "run", run.status, run.subject, "", run.sentence, until=run.until)
        for run in stopped.order_by("-created_at")[:LISTED]
    ]
    return runs_ + steps + doubts() + silent()


def doubts() -> list[Needed]:
    rows = doubtful().order_by("settled_at")[:LISTED]
    return [
        Needed(row.agent, "action", row.status, row.purpose, row.tool_name, row.error, row.pk)
        for row in rows
        if row.agent is not None
    ]


def silent() -> list[Needed]:
    """The agents that did not tell how it went, of the last week; counted up to a limit."""
    rows = outside.unreported(within=UNREPORTED).order_by("-execute_by")
    latest = list(rows.values_list("agent_id", "tool_name")[:COUNTED])
    counts = Counter(agent_id for agent_id, _ in latest)
    last_tool = dict(reversed(latest))
    agents = Agent.objects.select_related("owner").filter(pk__in=counts)
    return [
        Needed(
            agent, "silent", "unreported", "", last_tool[agent.pk], unsaid(agent, counts[agent.pk])
        )
        for agent in agents.order_by("slug")
    ]


def unsaid(agent: Agent, count: int) -> str:
    many = f"{count} calls were" if count > 1 else "One call was"
    some = f"{COUNTED} calls or more were" if count == COUNTED else many
    return f"{some} allowed in the last 7 days and never reported. Its owner: {agent.owner}."


UNREPORTED = dt.timedelta(days=7)
COUNTED = 1000


def doubtful() -> QuerySet[Action]:
    """What belongs to no run and may or may not have happened."""
    return outside.unsettled("in_doubt").filter(agent__isnull=False).select_related("agent")


def action_in_doubt(reader: User, pk: uuid.UUID) -> Action:
    found = doubtful().filter(pk=pk).first() if holds(reader, "runs.view") else None
    if found is None:
        raise Absent
    return found


STOPPED = (*ASKS, "loop")


SILENCE = dt.timedelta(minutes=2)


def last_sweep() -> dt.datetime | None:
    """When worker and beat last gave a sign of life; None before the first time."""
    found = Pulse.objects.filter(pk="sweep").first()
    return found.at if found else None


def silent_since() -> dt.datetime | None:
    """Since when worker and beat are silent; None while all is well, or they never ran here."""
    last = last_sweep()
    return last if last is not None and last < now() - SILENCE else None


def step_of(reader: User, pk: uuid.UUID) -> Step:
    if not holds(reader, "runs.view"):
        raise Absent
    found = Step.objects.select_related("run", "agent").filter(pk=pk).first()
    if found is None:
        raise Absent
    return found


def in_flight(agent: Agent) -> list[InFlight]:
    rows = Step.objects.filter(agent=agent, status__in=OPEN_STEPS).select_related("run")
    return [
        InFlight(
            "step", f"{row.run} · {row.key}", reverse("orchestration:run", args=[row.run.number])
        )
        for row in rows.order_by("created_at")[:LISTED]
    ]
