"""Runs as a whole: begun, paused, continued and ended."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals.models import ApprovalRequest
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.orchestration.definitions import DEFINITIONS, Definition
from apps.orchestration.models import Run, Step, Workflow
from apps.orchestration.services.moves import move_run, pause, post
from apps.orchestration.services.undoing import stop_open_steps
from apps.orchestration.states import ASKS, CLEARED, LIVE_RUNS, OPEN_STEPS, RunStatus, StepStatus
from apps.readiness.models import Process
from apps.runtime import gate

PARKED = (StepStatus.AWAITING_APPROVAL, StepStatus.READY)


@transaction.atomic
def install_workflow(*, definition: Definition, process: str = "") -> Workflow:
    """Makes a registered definition known to the organisation, or notes its new version. Only a
    workflow that names no process yet takes one over from here."""
    workflow = Workflow.objects.filter(slug=definition.slug).first() or Workflow(
        slug=definition.slug
    )
    if workflow.pk and workflow.version == definition.version:
        return workflow  # type: ignore[no-any-return]
    workflow.title = definition.title
    workflow.version = definition.version
    workflow.process = workflow.process or process
    workflow.save()
    record(type="workflow.registered", object=workflow)
    return workflow


@permitted("readiness.accept")
@transaction.atomic
def place_workflow(
    *, actor: User | None, workflow: Workflow, process: str, reason: str
) -> Workflow:
    """Says which process a workflow belongs to ("" for none): its readiness bounds agents from
    their next action on. Raises Invalid without a reason, and for a process that nobody knows."""
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if process and not Process.objects.filter(slug=process).exists():
        raise Invalid(
            f"There is no process called {process} in the inventory.",
            fields={"process": ["Choose one of the inventory."]},
        )
    row = Workflow.lock(workflow.pk)
    before = row.process
    if before == process:
        raise Conflict("It belongs to this process already.")
    with acting(reason=reason):
        if not row.compare_and_set(where={"process": before}, process=process):
            raise Conflict("Somebody else has just changed this workflow.")
        record(
            type="workflow.placed",
            object=row,
            reason=reason,
            before={"process": before},
            after={"process": process},
        )
    return row


@transaction.atomic
def start_run(
    *,
    workflow: str,
    trigger: dict[str, Any],
    subject: str,
    dedupe_key: str | None = None,
    requester: User | None = None,
) -> Run:
    """Starts a run. With a dedupe key that was used before, returns the run that used it."""
    if dedupe_key and (earlier := Run.objects.filter(dedupe_key=dedupe_key).first()):
        return earlier
    known = Workflow.objects.filter(slug=workflow, active=True).first()
    if known is None or workflow not in DEFINITIONS:
        raise Invalid(f"There is no workflow called {workflow}.")
    run = Run(
        workflow=known,
        subject=subject[:200],
        trigger=trigger,
        dedupe_key=dedupe_key,
        requester=requester,
        created_at=now(),
    )
    try:
        save_numbered(run)
    except IntegrityError:
        return Run.objects.get(dedupe_key=dedupe_key)
    record(type="run.started", object=run, run_id=run.pk)
    post("advance", run.pk)
    return run


def pause_for_agent(*, agent_id: int) -> int:
    """Runs whose next work is the suspended agent's stop; nothing of them is lost."""
    paused = 0
    rows = Run.objects.filter(
        status__in=LIVE_RUNS, steps__agent_id=agent_id, steps__status__in=OPEN_STEPS
    ).distinct()
    for run in rows:
        with transaction.atomic():
            paused += pause(run, "agent_suspended", "Its agent was suspended.")
    return paused


def continue_for_agent(*, agent_id: int) -> int:
    """Lets those runs go on. What had been approved is asked again: old approvals never replay."""
    rows = Run.objects.filter(
        status=RunStatus.PAUSED, wait_reason="agent_suspended", steps__agent_id=agent_id
    ).distinct()
    return sum(bring_back(run, "Its agent was resumed.") for run in rows)


def bring_back(run: Run, reason: str) -> bool:
    with transaction.atomic():
        eased = {"eased_at": now()} if run.wait_reason == "loop" else {}
        if not move_run(run, RunStatus.RUNNING, wait_reason="", sentence="", **eased):
            return False
        record(type="run.continued", object=run, reason=reason, run_id=run.pk)
        asked = run.steps.filter(status=StepStatus.READY, code__in=ASKS)
        asked.update(code=CLEARED, error="", not_before=None)
        for step in run.steps.filter(status__in=PARKED, approval_ref__isnull=False):
            ask_afresh(step)
        for pk in run.steps.filter(status=StepStatus.READY).values_list("pk", flat=True):
            post("perform", pk)
        post("advance", run.pk)
    return True


def ask_afresh(step: Step) -> None:
    """A step whose request ended with the suspension goes to the gate as if new. (It may have
    been woken meanwhile: the end of a request is a decision like any other.)"""
    if step.approval_ref is None:
        return
    asked = ApprovalRequest.objects.get(pk=step.approval_ref)
    request = ApprovalRequest.objects.filter(action_ref=asked.action_ref).order_by("-number")[0]
    withdrawn = request.status == "cancelled"
    if not withdrawn and request.execution != "refused_stale":
        return
    gate.resume(action_id=request.action_ref)
    Step.objects.filter(pk=step.pk, status__in=PARKED, fence=step.fence).update(
        status=StepStatus.READY, approval_ref=None, action_ref=None, not_before=None
    )


@permitted("runs.operate")
@transaction.atomic
def pause_run(*, actor: User | None, run: Run, reason: str) -> None:
    """Stops a run at the next step boundary; what is being done now is finished."""
    if not pause(run, "person", reason):
        raise Conflict("Only a run that is going on can be paused.")


@permitted("runs.operate")
def continue_run(*, actor: User | None, run: Run, reason: str) -> None:
    if not bring_back(run, reason):
        raise Conflict("Only a paused run can go on.")


@permitted("runs.operate")
@transaction.atomic
def cancel_run(*, actor: User | None, run: Run, reason: str) -> None:
    """Ends a run without undoing what it did; open questions to people are withdrawn."""
    if not move_run(run, RunStatus.CANCELLED, outcome="cancelled", sentence=reason):
        raise Conflict("This run has ended already.")
    stop_open_steps(run, "run_cancelled")
    record(type="run.cancelled", object=run, reason=reason, run_id=run.pk)
