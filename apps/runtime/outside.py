"""Actions that outside agents carry out themselves, and going on after a decision."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest, Reopening
from apps.common.acting import acting
from apps.common.canonical import plain
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.common.partial import spelt_out
from apps.ledger.services import record
from apps.runtime import budgets, gate
from apps.runtime.gate.effects import mark_untrusted
from apps.runtime.models import Action, Effect
from apps.runtime.rules import LostLease, secret_free

log = logging.getLogger(__name__)
MOST = 200
WINDOW = dt.timedelta(days=2)


@transaction.atomic
def report(
    *, action: Action, succeeded: bool, result: dict[str, Any], error: str, tokens: int = 0
) -> None:
    """Writes down what the agent says became of an allowed action, and how many tokens its model
    used up to come to it. Once, and in time."""
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
    budgets.tell_tokens(action, tokens)
    if action.approval_id is not None:
        execution = "succeeded" if succeeded else "failed"
        approvals.mark_execution(request_id=action.approval_id, execution=execution)
    record(
        type="action.reported",
        object=action,
        outcome="done" if succeeded else "failed",
        reason=error[:500],
        after={"tokens": tokens} if tokens else {},
    )


@transaction.atomic
def objected(*, idem_key: str, reason: str) -> bool:
    """Somebody outside (a bank, a recipient) said that what an action did must not stand, or would
    not do its part. The record stays as it is; that it was said is an act of its own, once per
    effect. False: it was said before, or there is no such effect."""
    rows = Effect.objects.filter(pk=idem_key, objected_at=None)
    if not rows.update(objected_at=now()):
        return False
    effect = Effect.objects.select_related("action").get(pk=idem_key)
    record(
        type="action.objected",
        object=effect.action,
        outcome="failed",
        reason=reason[:500],
        run_id=effect.action.run_id,
        typed=False,
    )
    return True


def go_on() -> int:
    """Carries on with outside calls that people have decided; finds what a lost signal missed."""
    moment = now()
    decided = ApprovalRequest.objects.filter(pk=OuterRef("approval_id")).exclude(status="pending")
    early = Q(status="approved", execution="none", dispatch_at__gt=moment)
    rows = Action.objects.filter(
        WAITING,
        Exists(decided.exclude(early)),
        step_id__isnull=True,
        at__gte=moment - WINDOW,
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


OPEN = spelt_out(Action, "status", "executing", "in_doubt")
WAITING = spelt_out(Action, "status", "waiting")
ALLOWED = spelt_out(Action, "status", "allowed")


def unsettled(status: str) -> QuerySet[Action]:
    """Calls outside runs that have begun and not ended, by the index of those alone."""
    return Action.objects.filter(OPEN, settled_at=None, status=status, step_id=None)


def unreported(*, within: dt.timedelta) -> QuerySet[Action]:
    """What outside agents were allowed, have had the time to do, and never told the end of."""
    moment = now()
    due = {"execute_by__gte": moment - within, "execute_by__lte": moment}
    return Action.objects.filter(ALLOWED, **due)


LOST = dt.timedelta(minutes=10)


def give_up_lost() -> int:
    """Calls whose process died while it acted for the caller: found by their age, counted from the
    effect's begin, or from the end of the approval's time, where people were asked."""
    old = now() - LOST
    begun = Exists(Effect.objects.filter(pk=OuterRef("idem_key"), begun_at__lte=old))
    since = Q(approval_id=None, at__lte=old) | Q(begun) | Q(execute_by__lte=old)
    rows = unsettled("executing").filter(since).order_by("settled_at")
    done = 0
    for pk, agent, label in rows.values_list("pk", "agent_id", "agent_label")[:MOST]:
        with acting(kind="agent", id=str(agent), label=label, trigger="lost"):
            try:
                gate.give_up(action_id=pk)
                done += 1
            except LostLease as error:
                log.info("Action %s ended after all: %s", pk, error)
    return done


@permitted("runs.operate")
@transaction.atomic
def settle_doubt(*, actor: User | None, action: Action, happened: bool, reason: str) -> None:
    """A person found out what became of an outside call in doubt. It is not carried out again: if
    it did not happen, the agent may ask anew."""
    held = Action.objects.select_for_update().filter(pk=action.pk, step_id=None)
    if not held.filter(status="in_doubt").exists():
        raise Conflict("Nothing about this action is in doubt any more.")
    gate.resolve(action_id=action.pk, happened=happened, reason=reason)


def ask_again() -> int:
    """Puts the questions anew that people opened again after their time had run out."""
    asked = 0
    rows = Reopening.objects.filter(taken_at=None).select_related("request", "by")
    for row in rows.order_by("made_at")[:MOST]:
        with acting(kind="person", id=str(row.by_id), label=str(row.by), trigger="opened again"):
            asked += gate.reopen(row) is not None
    return asked
