"""Actions that outside agents carry out themselves, and going on after a decision."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.approvals.models import ApprovalRequest, Reopening
from apps.common.acting import acting
from apps.common.canonical import plain
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.runtime import budgets, gate
from apps.runtime.gate.effects import mark_untrusted
from apps.runtime.models import Action
from apps.runtime.rules import LostLease, secret_free

log = logging.getLogger(__name__)
MOST = 200
WINDOW = dt.timedelta(days=2)


@transaction.atomic
def report(*, action: Action, succeeded: bool, result: dict[str, Any], error: str) -> None:
    """Writes down what the agent says became of an allowed action. Once, and in time."""
    moment = now()
    told = secret_free(plain(result))
    changed = Action.objects.filter(pk=action.pk, status="allowed", execute_by__gt=moment).update(
        status="done" if succeeded else "failed",
        result=told,
        error=error[:2000],
        settled_at=moment,
    )
    if not changed:
        raise Conflict("This action is not open for a report.", "not_open")
    mark_untrusted(action, told)
    budgets.settle(action, result if succeeded else None)
    record(
        type="action.reported",
        object=action,
        outcome="done" if succeeded else "failed",
        reason=error[:500],
    )


def go_on() -> int:
    """Carries on with outside calls that people have decided; finds what a lost signal missed."""
    moment = now()
    decided = ApprovalRequest.objects.exclude(status="pending")
    early = Q(status="approved", execution="none", dispatch_at__gt=moment)
    usable = decided.exclude(early).values("pk")
    rows = Action.objects.filter(
        status="waiting", step_id__isnull=True, approval_id__in=usable, at__gte=moment - WINDOW
    )
    done = 0
    for pk, agent, label in rows.values_list("pk", "agent_id", "agent_label")[:MOST]:
        with acting(kind="agent", id=str(agent), label=label, trigger="decided"):
            try:
                gate.resume(action_id=pk)
                done += 1
            except LostLease as error:
                log.info("Action %s is somebody else's: %s", pk, error)
    return done


def ask_again() -> int:
    """Puts the questions anew that people opened again after their time had run out."""
    asked = 0
    rows = Reopening.objects.filter(taken_at=None).select_related("request", "by")
    for row in rows.order_by("made_at")[:MOST]:
        with acting(kind="person", id=str(row.by_id), label=str(row.by), trigger="opened again"):
            asked += gate.reopen(row) is not None
    return asked
