"""How a run and a step change: guarded UPDATEs, and the doorbell after the commit."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.db import transaction

from apps.common.clock import now
from apps.ledger.services import record
from apps.orchestration import messages
from apps.orchestration.models import Outbox, Run, Step
from apps.orchestration.states import ENDED_RUNS, RUN_MOVES, STEP_MOVES, RunStatus


def post(kind: str, ref: uuid.UUID) -> None:
    """A doorbell for after the commit: a row first, a message when somebody can send it."""
    row = Outbox.objects.create(kind=kind, ref=ref, created_at=now())
    transaction.on_commit(partial(messages.send_later, row.pk, kind, ref))


def move_run(run: Run, to: str, **fields: Any) -> bool:
    come_from = [status for status, ends in RUN_MOVES.items() if to in ends]
    if to in ENDED_RUNS:
        fields["ended_at"] = now()
    moved = Run.objects.filter(pk=run.pk, status=run.status, status__in=come_from).update(
        status=to, **fields
    )
    if moved:
        run.refresh_from_db()
    return bool(moved)


def pause(run: Run, wait_reason: str, sentence: str) -> bool:
    """Stops a run at the step boundary until a person, or what it waits for, lets it go on."""
    if not move_run(run, RunStatus.PAUSED, wait_reason=wait_reason, sentence=sentence):
        return False
    record(type="run.paused", object=run, reason=sentence, run_id=run.pk)
    return True


def wait_for(run: Run, status: str, reason: str) -> None:
    """Notes what a run waits for; moving from one reason to another is no move."""
    if run.status == status:
        Run.objects.filter(pk=run.pk, status=status).update(wait_reason=reason)
    else:
        move_run(run, status, wait_reason=reason)


def move_step(step: Step, to: str, **fields: Any) -> bool:
    """The one way a step changes: compare-and-set on (id, status, fence). False: somebody else
    owns it now."""
    come_from = [status for status, ends in STEP_MOVES.items() if to in ends]
    moved = Step.objects.filter(
        pk=step.pk, status=step.status, fence=step.fence, status__in=come_from
    ).update(status=to, **fields)
    if moved:
        step.refresh_from_db()
    return bool(moved)
