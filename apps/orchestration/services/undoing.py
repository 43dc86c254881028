"""Taking back what a run did: each undo is a step of its own, newest first, carried out by the
workers like any other. An undo that fails leaves the run with a person."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import services as approvals
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.orchestration import queries
from apps.orchestration.models import Run, Step
from apps.orchestration.rules import idempotency_key
from apps.orchestration.services.moves import move_run, move_step, post
from apps.orchestration.states import OPEN_STEPS, RunStatus, StepStatus
from apps.runtime.models import Action

LEFT, STOPPED, AGAIN = "left", "stopped", "again"


def something_to_undo(run: Run) -> bool:
    return any(item.verdict != "nothing" for item in queries.rollback_preview(run))


@permitted("runs.operate")
def roll_back(*, actor: User | None, run: Run, reason: str) -> Run:
    """Begins to take back what the run did, newest first, where the current value is still what
    the run wrote. What stands in the way leaves the run with a person."""
    with transaction.atomic():
        if not begin_undo(run, reason):
            raise Conflict("This run cannot be rolled back now.")
    return run


def begin_undo(run: Run, reason: str) -> bool:
    if not move_run(run, RunStatus.COMPENSATING, wait_reason="", sentence=reason, ended_at=None):
        return False
    record(type="run.undo_begun", object=run, reason=reason, run_id=run.pk)
    stop_open_steps(run, "run_rolled_back")
    post("advance", run.pk)
    return True


def stop_open_steps(run: Run, code: str) -> None:
    """Cancels what has not begun and withdraws its questions. What runs right now is finished, and
    what is in doubt stays with a person."""
    stay = (StepStatus.RUNNING, StepStatus.IN_DOUBT)
    steps = run.steps.filter(status__in=OPEN_STEPS, compensates__isnull=True)
    for step in steps.exclude(status__in=stay):
        if step.action_ref and step.status == StepStatus.AWAITING_APPROVAL:
            approvals.cancel_for_action(action_ref=step.action_ref, reason_code=code)
        begun = step.status != StepStatus.PLANNED
        to = StepStatus.CANCELLED if begun else StepStatus.SKIPPED
        move_step(step, to, code=code, ended_at=now())


def undo_next(run: Run) -> None:
    """Under the run's lock: puts the next undo on its way, or says how the whole came out."""
    if run.steps.filter(status=StepStatus.RUNNING).exists():
        return
    stop_open_steps(run, "run_rolled_back")
    if run.steps.filter(compensates__isnull=False, status__in=OPEN_UNDOINGS).exists():
        return
    if run.steps.filter(status=StepStatus.IN_DOUBT).exists():
        stay_stuck(run, "Nobody knows whether one of its steps happened; say so first.")
        return
    item = next((found for found in queries.rollback_preview(run) if not settled(found)), None)
    if item is None:
        finish_undo(run)
    elif item.verdict == "undo" and item.step.code != STOPPED:
        add_undoing(run, item.step)
    else:
        give_up(item.step, item.step.error or item.sentence)
        stay_stuck(run, item.step.error or item.sentence)


def settled(item: queries.Undoable) -> bool:
    """Nothing to take back, or left as it is by a person."""
    return item.verdict == "nothing" or item.step.code == LEFT


def give_up(step: Step, sentence: str) -> None:
    """The step's effect stays for now; a person tries again, leaves it, or ends the run."""
    if step.status == StepStatus.SUCCEEDED:
        move_step(step, StepStatus.COMPENSATING)
    if step.status == StepStatus.COMPENSATING:
        move_step(step, StepStatus.COMPENSATION_FAILED, error=sentence, code=STOPPED)


OPEN_UNDOINGS = (StepStatus.READY, StepStatus.RETRY_WAIT)


def add_undoing(run: Run, step: Step) -> None:
    """The step that takes back another one, with a key and attempts of its own."""
    earlier = step.undoings.count()
    action = Action.objects.get(pk=step.action_ref) if step.action_ref else None
    arguments = action.arguments if action else {}
    key = f"undo {step.key}" + f" {earlier + 1}" * bool(earlier)
    undoing = Step.objects.create(
        run=run,
        key=key[:80],
        agent=step.agent,
        tool=step.tool,
        arguments=arguments,
        purpose=f"Take back: {step.purpose or step.key}",
        compensates=step,
        plan_version=run.plan_version,
        idem_key=idempotency_key(str(run.pk), f"undo {step.pk} {earlier}", run.plan_version),
        note=run.sentence,
        created_at=now(),
    )
    move_step(step, StepStatus.COMPENSATING, error="", code="")
    post("perform", undoing.pk)


def stay_stuck(run: Run, sentence: str) -> None:
    if move_run(run, RunStatus.STUCK, outcome="stuck", wait_reason="person"):
        record(type="run.stuck", object=run, outcome="failed", reason=sentence, run_id=run.pk)


def finish_undo(run: Run) -> None:
    """All taken back; or a person left something standing, and so the run stays with a person."""
    left = run.steps.filter(status=StepStatus.COMPENSATION_FAILED).count()
    if left:
        stay_stuck(run, f"{left} of its steps were left as they are.")
    elif move_run(run, RunStatus.ROLLED_BACK, outcome="rolled_back", wait_reason=""):
        record(type="run.rolled_back", object=run, reason=run.sentence, run_id=run.pk)


def take_up(run: Run, code: str, act: str, reason: str) -> None:
    """Goes on with the undoing; what had stopped it is marked with what the person said."""
    stuck = run.status == RunStatus.STUCK
    if not (stuck and move_run(run, RunStatus.COMPENSATING, wait_reason="")):
        raise Conflict("Only a run whose undoing is stuck can be taken up again.")
    run.steps.filter(status=StepStatus.COMPENSATION_FAILED).exclude(code=LEFT).update(code=code)
    record(type=act, object=run, reason=reason, run_id=run.pk)
    post("advance", run.pk)


@permitted("runs.operate")
@transaction.atomic
def retry_undo(*, actor: User | None, run: Run, reason: str) -> None:
    """Tries once more to take back what could not be."""
    take_up(run, AGAIN, "run.undo_retried", reason)


@permitted("runs.operate")
@transaction.atomic
def leave_standing(*, actor: User | None, run: Run, reason: str) -> None:
    """Leaves what cannot be taken back as it is, and goes on with what is older."""
    take_up(run, LEFT, "run.undo_left", reason)


@permitted("runs.operate")
@transaction.atomic
def end_stuck(*, actor: User | None, run: Run, reason: str) -> None:
    """Ends a run whose undoing is stuck, as failed: what stands, stands."""
    stuck = run.status == RunStatus.STUCK
    if not (stuck and move_run(run, RunStatus.FAILED, wait_reason="", sentence=reason)):
        raise Conflict("Only a run whose undoing is stuck can be ended so.")
    record(type="run.finished", object=run, outcome="failed", reason=reason, run_id=run.pk)
