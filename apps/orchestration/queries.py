from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest
from apps.common.errors import Absent
from apps.orchestration.definitions import RunState, StepView
from apps.orchestration.models import Run, Step
from apps.orchestration.states import NEEDS_PERSON, OPEN_STEPS
from apps.registry.models import Agent
from apps.registry.signals import InFlight
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
    actions = group(Action.objects.filter(run_id=run.pk).order_by("at", "pk"), "step_id")
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
    steps = run.steps.order_by("plan_version", "created_at")
    return RunState(run.trigger, {step.key: view_of(step) for step in steps})


def view_of(step: Step) -> StepView:
    return StepView(step.status, step.result or {}, step.error, step.note)


def results_of(run: Run) -> dict[str, dict[str, Any]]:
    return {step.key: step.result or {} for step in run.steps.filter(status="succeeded")}


@dataclass(frozen=True)
class Undoable:
    """One finished step in the preview of a rollback."""

    step: Step
    verdict: str
    sentence: str


def rollback_preview(run: Run) -> list[Undoable]:
    """Item by item, newest first: what will be undone, and what cannot be."""
    steps = run.steps.filter(status__in=["succeeded", "compensation_failed"])
    found = []
    for step in steps.order_by("-ended_at", "-pk"):
        action = Action.objects.select_related("tool").filter(pk=step.action_ref or step.pk).first()
        effect = Effect.objects.filter(pk=step.idem_key).first()
        found.append(undoable(step, action, effect))
    return found


def undoable(step: Step, action: Action | None, effect: Effect | None) -> Undoable:
    tool = action.tool if action else None
    if tool is None or tool.effect == "read":
        return Undoable(step, "nothing", "It only read.")
    if tool.effect == "irreversible":
        return Undoable(step, "irreversible", "It cannot be taken back.")
    if effect is None or effect.status != "done":
        return Undoable(step, "nothing", "It left nothing to take back.")
    return Undoable(step, "undo", f"{step.tool} will be taken back, if nobody changed it since.")


def attention(reader: User) -> list[Step]:
    """Steps that wait for somebody to look: gave up, in doubt, not undone."""
    if not holds(reader, "runs.view"):
        return []
    rows = Step.objects.filter(status__in=NEEDS_PERSON).select_related("run", "agent")
    return list(rows.order_by("-created_at")[:LISTED])


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
