"""Fewer questions to people. Only the council's motions may call this (import-linter): automation
may propose a lower rate, and people alone adopt it. Going back up is in `services/scopes.py`."""

from __future__ import annotations

from django.db import transaction

from apps.approvals import levels
from apps.approvals.models import Checkpoint, Scope
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.registry.services import bump


@transaction.atomic
def promote(*, scope: Scope, to: int, reason: str) -> Scope:
    """One level on: people see a smaller share. Raises Conflict for a version that is no longer
    the agent's, a scope under full review, and a level that the risk does not allow."""
    row = Scope.lock(scope.pk)
    if row.agent.version != row.agent_version:
        raise Conflict(f"{row.agent.label} has taken the place of this version.")
    if problem := levels.step_problem(row.level, to, row.risk, held=row.held):
        raise Conflict(problem)
    before = row.level
    with acting(reason=reason):
        row.compare_and_set(where={"level": before, "held": False}, level=to, changed_at=now())
        bump()
        record(
            type="scope.promoted",
            object=row,
            reason=reason,
            before={"level": before, "percent": levels.PERCENT[before]},
            after={"level": to, "percent": levels.PERCENT[to]},
        )
    return row


@transaction.atomic
def lift(*, scope: Scope, reason: str) -> Scope:
    """Ends full review; the scope is where it was before."""
    row = Scope.lock(scope.pk)
    with acting(reason=reason):
        if not row.compare_and_set(
            where={"held": True}, held=False, held_reason="", changed_at=now()
        ):
            raise Conflict("It is not under full review.")
        bump()
        record(
            type="scope.lifted",
            object=row,
            reason=reason,
            after={"percent": levels.percent(row.level, row.risk, held=False)},
        )
    return row


@transaction.atomic
def let_draw(*, checkpoint: Checkpoint, rate: int, reason: str) -> Checkpoint:
    """Makes a checkpoint one that may be drawn, down to `rate` percent at the lowest."""
    row = Checkpoint.lock(checkpoint.pk)
    before = {"hard": row.hard, "rate": row.rate}
    row.hard, row.rate = False, rate
    with acting(reason=reason):
        row.save()
        record(
            type="checkpoint.changed",
            object=row,
            reason=reason,
            before=before,
            after={"hard": False, "rate": rate},
        )
    return row
