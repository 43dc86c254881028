"""What comes next in a run: the workflow is asked, under the run's lock."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models import F

from apps.common.acting import acting
from apps.common.clock import now
from apps.ledger.services import record
from apps.orchestration import queries
from apps.orchestration.definitions import DEFINITIONS, Finish, StepSpec
from apps.orchestration.models import Run, Step
from apps.orchestration.rules import idempotency_key, looping
from apps.orchestration.services.moves import move_run, post
from apps.orchestration.states import LIVE_RUNS, RunStatus, StepStatus
from apps.registry.models import Agent

MOST_STEPS = 60
MOST_RETURNS = 2


def advance(run_id: uuid.UUID) -> None:
    """Asks the workflow what comes next, under the run's lock, and does it. Harmless twice."""
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).select_related("workflow").get(pk=run_id)
        if run.status not in LIVE_RUNS:
            return
        if run.status == RunStatus.QUEUED:
            move_run(run, RunStatus.RUNNING)
        with acting(run_id=run.pk, trigger=f"run {run.reference}"):
            plan(run)


def plan(run: Run) -> None:
    if run.steps.count() >= MOST_STEPS or looping(trail_of(run)):
        end_run(run, Finish("stopped", "The run went in circles and was stopped.", failed=True))
        return
    if replan_returned(run):
        run.refresh_from_db()
    answer = DEFINITIONS[run.workflow.slug].next(queries.state_of(run))
    if isinstance(answer, Finish):
        end_run(run, answer)
        return
    for spec in answer:
        add_step(run, spec)
    settle_waiting(run)


def trail_of(run: Run) -> list[str]:
    rows = run.steps.filter(status="succeeded").order_by("ended_at")
    return [
        f"{tool}|{arguments}|{result}"
        for tool, arguments, result in rows.values_list("tool", "arguments", "result")
    ]


def replan_returned(run: Run) -> bool:
    """A step that was sent back is planned again with the approver's instruction, twice at most;
    what is finished stays."""
    returned = run.steps.filter(status=StepStatus.RETURNED, plan_version=run.plan_version).first()
    if returned is None or run.plan_version > MOST_RETURNS:
        return False
    Run.objects.filter(pk=run.pk).update(plan_version=F("plan_version") + 1)
    return True


def add_step(run: Run, spec: StepSpec) -> None:
    """A step that exists is left alone; one that was sent back gets a successor in this plan."""
    newest = run.steps.filter(key=spec.key).order_by("-plan_version").first()
    renewed = (
        newest is not None
        and newest.status == StepStatus.RETURNED
        and newest.plan_version < run.plan_version
    )
    if newest is not None and not renewed:
        return
    agent = Agent.objects.get(slug=spec.agent)
    step = Step.objects.create(
        run=run,
        key=spec.key,
        agent=agent,
        tool=spec.tool,
        arguments=dict(spec.arguments),
        purpose=spec.purpose,
        max_attempts=spec.max_attempts,
        plan_version=run.plan_version,
        idem_key=idempotency_key(str(run.pk), spec.key, run.plan_version),
        note=newest.note if newest else "",
        created_at=now(),
    )
    post("perform", step.pk)


def settle_waiting(run: Run) -> None:
    """`waiting` while nothing can run without a person or a time; `running` otherwise."""
    statuses = set(run.steps.values_list("status", flat=True))
    if statuses & {StepStatus.READY, StepStatus.RUNNING}:
        target, reason = RunStatus.RUNNING, ""
    elif StepStatus.AWAITING_APPROVAL in statuses:
        target, reason = RunStatus.WAITING, "approval"
    elif statuses & {StepStatus.DEAD, StepStatus.IN_DOUBT}:
        target, reason = RunStatus.WAITING, "person"
    elif StepStatus.RETRY_WAIT in statuses:
        target, reason = RunStatus.WAITING, "timer"
    else:
        return
    if run.status != target:
        move_run(run, target, wait_reason=reason)


def end_run(run: Run, finish: Finish) -> None:
    status = RunStatus.FAILED if finish.failed else RunStatus.SUCCEEDED
    if move_run(run, status, outcome=finish.outcome, sentence=finish.sentence, wait_reason=""):
        record(
            type="run.finished",
            object=run,
            outcome="failed" if finish.failed else "done",
            reason=finish.sentence,
            run_id=run.pk,
        )
