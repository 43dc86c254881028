"""Taking back what a run did."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.orchestration import queries
from apps.orchestration.models import Run
from apps.orchestration.services.moves import move_run, move_step
from apps.orchestration.states import RunStatus, StepStatus
from apps.runtime import gate
from apps.runtime.toolbox import Moved


@permitted("runs.operate")
def roll_back(*, actor: User | None, run: Run, reason: str) -> Run:
    """Takes back what the run did, newest first, where the current value is still what the run
    wrote. A step that cannot be undone leaves the run with a person."""
    with transaction.atomic():
        if not move_run(run, RunStatus.COMPENSATING, wait_reason=""):
            raise Conflict("This run cannot be rolled back now.")
        for step in run.steps.filter(status__in=[StepStatus.READY, StepStatus.RETRY_WAIT]):
            move_step(step, StepStatus.CANCELLED, ended_at=now())
    undone = [undo_step(item, reason) for item in queries.rollback_preview(run)]
    complete = all(undone)
    with transaction.atomic():
        status = RunStatus.ROLLED_BACK if complete else RunStatus.STUCK
        move_run(run, status, outcome="rolled_back" if complete else "stuck", sentence=reason)
        kind = "run.rolled_back" if complete else "run.stuck"
        record(type=kind, object=run, reason=reason, run_id=run.pk)
    return run


def undo_step(item: queries.Undoable, reason: str) -> bool:
    """True unless a write stays that should be gone."""
    if item.verdict == "nothing":
        return True
    step = item.step
    if item.verdict == "irreversible" or step.action_ref is None:
        move_step(step, StepStatus.COMPENSATION_FAILED, error=item.sentence)
        return False
    try:
        with transaction.atomic():
            gate.undo(action_id=step.action_ref, reason=reason)
            return move_step(step, StepStatus.COMPENSATED, error="")
    except Moved as refusal:
        with transaction.atomic():
            move_step(step, StepStatus.COMPENSATION_FAILED, error=refusal.sentence)
            record(
                type="action.undo_refused",
                object=step,
                outcome="failed",
                reason=refusal.sentence,
                run_id=step.run_id,
            )
        return False
