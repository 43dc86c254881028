"""What comes next in a run: the workflow is asked, under the run's lock."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models import F, QuerySet

from apps.common.acting import acting
from apps.common.clock import now
from apps.ledger.services import record
from apps.orchestration import queries
from apps.orchestration.definitions import (
    DEFINITIONS,
    Finish,
    RunState,
    StepSpec,
    StepView,
    pointed_at,
)
from apps.orchestration.models import Run, Step
from apps.orchestration.rules import fate, idempotency_key, looping, standstill
from apps.orchestration.services.moves import move_run, move_step, pause, post, wait_for
from apps.orchestration.services.undoing import (
    begin_undo,
    something_to_undo,
    stop_open_steps,
    undo_next,
)
from apps.orchestration.states import ASKS, ENDED_STEPS, LIVE_RUNS, RunStatus, StepStatus
from apps.registry.models import Agent

MOST_STEPS = 60
MOST_RETURNS = 2


def advance(run_id: uuid.UUID) -> None:
    """Asks the workflow what comes next, under the run's lock, and does it. Harmless twice."""
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).select_related("workflow").get(pk=run_id)
        with acting(run_id=run.pk, trigger=f"run {run.reference}"):
            if run.status == RunStatus.COMPENSATING:
                undo_next(run)
            if run.status == RunStatus.QUEUED:
                move_run(run, RunStatus.RUNNING)
            if run.status in LIVE_RUNS:
                plan(run)


def plan(run: Run) -> None:
    if problem := runaway(run):
        pause(run, "loop", problem)
        return
    if replan_returned(run):
        run.refresh_from_db()
    state = queries.state_of(run)
    if held := held_up(state):
        pause(run, held.code, held.error)
        return
    answer = DEFINITIONS[run.workflow.slug].next(state)
    if isinstance(answer, Finish):
        end_run(run, answer)
        return
    for spec in answer:
        add_step(run, spec)
    if release_planned(run):
        plan(run)
    else:
        settle_waiting(run)


def held_up(state: RunState) -> StepView | None:
    """A step that was given back because a person has to say how it goes on."""
    views = (view for view in state.steps.values() if view.status == StepStatus.READY)
    return next((view for view in views if view.code in ASKS), None)


def runaway(run: Run) -> str:
    """Why the run is stopped for a person to look at; "" while it behaves. What happened before a
    person let it go on is not held against it again."""
    steps = run.steps.filter(compensates__isnull=True)
    if run.eased_at:
        steps = steps.filter(created_at__gt=run.eased_at)
    if steps.count() >= MOST_STEPS:
        return f"The run has taken {MOST_STEPS} steps without an end."
    return "The run goes in circles." if looping(trail_of(steps)) else ""


def trail_of(steps: QuerySet[Step]) -> list[str]:
    """What was called with what and came out how, oldest first."""
    rows = steps.filter(status__in=ENDED_STEPS, ended_at__isnull=False).order_by("ended_at")
    return [
        f"{tool}|{arguments}|{status}|{result}|{error}"
        for tool, arguments, status, result, error in rows.values_list(
            "tool", "arguments", "status", "result", "error"
        )
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
    needs = sorted({*spec.after, *pointed_at(spec.arguments)})
    step = Step.objects.create(
        run=run,
        key=spec.key,
        agent=agent,
        tool=spec.tool,
        arguments=dict(spec.arguments),
        purpose=spec.purpose,
        needs=needs,
        status=StepStatus.PLANNED if needs else StepStatus.READY,
        max_attempts=spec.max_attempts,
        plan_version=run.plan_version,
        idem_key=idempotency_key(str(run.pk), spec.key, run.plan_version),
        note=newest.note if newest else "",
        tokens=spec.tokens,
        created_at=now(),
    )
    if not needs:
        post("perform", step.pk)


def release_planned(run: Run) -> bool:
    """Lets planned steps go whose predecessors have succeeded, and skips those whose predecessor
    ended otherwise. True when a step was skipped: the workflow has to be asked again."""
    planned = list(run.steps.filter(status=StepStatus.PLANNED).order_by("created_at"))
    if not planned:
        return False
    steps = run.steps.filter(compensates__isnull=True).order_by("plan_version")
    statuses = dict(steps.values_list("key", "status"))
    skipped = False
    for step in planned:
        to, sentence = fate(step.needs, statuses)
        if to == StepStatus.READY and move_step(step, to):
            post("perform", step.pk)
        elif to == StepStatus.SKIPPED:
            moved = move_step(step, to, code="dependency", error=sentence, ended_at=now())
            skipped = moved or skipped
    return skipped


def settle_waiting(run: Run) -> None:
    """`waiting` while nothing can run without a person, a resource or a time; `running`
    otherwise."""
    statuses = set(run.steps.values_list("status", flat=True))
    target, reason = standstill(statuses)
    if target and (run.status, run.wait_reason) != (target, reason):
        wait_for(run, target, reason)


def end_run(run: Run, finish: Finish) -> None:
    """Ends the run; what was planned and never began is skipped."""
    status = RunStatus.FAILED if finish.failed else RunStatus.SUCCEEDED
    ended = {"outcome": finish.outcome, "sentence": finish.sentence, "wait_reason": ""}
    if finish.failed and finish.undo and something_to_undo(run):
        begin_undo(run, finish.sentence)
        return
    if move_run(run, status, **ended):
        stop_open_steps(run, "run_ended")
        record(
            type="run.finished",
            object=run,
            outcome="failed" if finish.failed else "done",
            reason=finish.sentence,
            run_id=run.pk,
        )
