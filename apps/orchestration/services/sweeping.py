"""Finding what a lost message would have told."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from apps.approvals.models import ApprovalRequest
from apps.common.acting import acting
from apps.common.clock import now
from apps.ledger.services import record
from apps.orchestration import messages
from apps.orchestration.models import (
    STEP_AWAITING,
    STEP_DUE,
    STEP_LEASED,
    STEP_NEEDS_PERSON,
    Outbox,
    Pulse,
    Run,
    Step,
)
from apps.orchestration.services.leases import sweep_leases
from apps.orchestration.services.moves import move_step, post
from apps.orchestration.services.plans import advance
from apps.orchestration.services.runs import bring_back, pause_for_agent
from apps.orchestration.services.steps import claim_step, perform_step, wake_waiting
from apps.orchestration.states import (
    BUDGET,
    ENDED_RUNS,
    GOING_RUNS,
    LIVE_RUNS,
    OPEN_STEPS,
    RunStatus,
    StepStatus,
)
from apps.registry.states import AgentStatus
from apps.runtime import gate

FORGOTTEN = dt.timedelta(seconds=10)


def sweep() -> None:
    """Finds what a lost message would have told. Idempotent; two at once are harmless."""
    moment = now()
    reclaim_lost(moment)
    follow_agents()
    follow_budgets(moment)
    retries = Step.objects.filter(STEP_DUE, status=StepStatus.RETRY_WAIT, not_before__lte=moment)
    for step in retries[:500]:
        with transaction.atomic():
            if move_step(step, StepStatus.READY):
                post("perform", step.pk)
                post("advance", step.run_id)
    sweep_leases()
    wake_decided()
    ask_the_tools(moment)
    relay()
    ring_forgotten(moment)
    give_sign_of_life(moment)


EVERY = dt.timedelta(seconds=30)


def give_sign_of_life(moment: dt.datetime) -> None:
    old = Pulse.objects.filter(pk="sweep", at__lte=moment - EVERY)
    if not old.update(at=moment):
        Pulse.objects.get_or_create(pk="sweep", defaults={"at": moment})


ASKED_AGAIN = dt.timedelta(minutes=1)


def ask_the_tools(moment: dt.datetime) -> None:
    """Steps in doubt whose tool can be asked what became of a call: it settles them, if it knows.
    The others stay with a person."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    doubts = Step.objects.filter(
        STEP_NEEDS_PERSON, due, status=StepStatus.IN_DOUBT, compensates__isnull=True
    )
    for step in doubts.select_related("run", "agent")[:50]:
        Step.objects.filter(pk=step.pk, fence=step.fence).update(not_before=moment + ASKED_AGAIN)
        who = {"kind": "agent", "id": str(step.agent_id), "label": step.agent.label}
        with acting(**who, run_id=step.run_id):
            settle_by_asking(step)


def settle_by_asking(step: Step) -> None:
    if step.action_ref is None:
        return
    outcome = gate.look_up(action_id=step.action_ref)
    if outcome.status != "done":
        return
    with transaction.atomic():
        ended = {"result": outcome.result, "ended_at": now(), "error": ""}
        if move_step(step, StepStatus.SUCCEEDED, **ended):
            record(type="step.resolved", object=step, reason="The tool says it was done.")
            post("advance", step.run_id)


def follow_agents() -> None:
    """Suspensions and resumptions whose signal was lost: found by looking."""
    held = Step.objects.filter(status__in=OPEN_STEPS, run__status__in=LIVE_RUNS)
    stopped = held.exclude(agent__status=AgentStatus.ACTIVE)
    for pk in stopped.order_by().values_list("agent_id", flat=True).distinct()[:500]:
        pause_for_agent(agent_id=pk)
    paused = Run.objects.filter(status=RunStatus.PAUSED, wait_reason="agent_suspended")
    back = paused.exclude(
        steps__in=Step.objects.filter(status__in=OPEN_STEPS).exclude(
            agent__status=AgentStatus.ACTIVE
        )
    )
    for run in back[:500]:
        bring_back(run, "Its agent was resumed.")


def follow_budgets(moment: dt.datetime) -> None:
    """Runs that a budget stopped, whose window has ended, go on by themselves."""
    due = Step.objects.filter(
        STEP_DUE, status=StepStatus.READY, code=BUDGET, not_before__lte=moment
    )
    runs = list(due.order_by().values_list("run_id", flat=True).distinct()[:500])
    for run in Run.objects.filter(pk__in=runs, status=RunStatus.PAUSED, wait_reason=BUDGET):
        bring_back(run, "The window of its budget has ended.")


def reclaim_lost(moment: dt.datetime) -> None:
    """A lease that ran out: the worker died or froze. The fence goes up, so a late writer loses."""
    lost = Step.objects.filter(STEP_LEASED, status=StepStatus.RUNNING, lease_until__lte=moment)
    for step in lost.select_related("run").order_by("lease_until")[:500]:
        with transaction.atomic():
            moved = Step.objects.filter(
                pk=step.pk, status=StepStatus.RUNNING, fence=step.fence, lease_until__lte=moment
            ).update(
                status=StepStatus.READY, fence=F("fence") + 1, lease_until=None, not_before=None
            )
            if moved and step.run.status in ENDED_RUNS:
                step.refresh_from_db()
                move_step(step, StepStatus.CANCELLED, ended_at=moment)
            elif moved:
                post("perform", step.pk)


def relay() -> int:
    """Sends what is in the outbox. A row goes once its message is with the broker."""
    sent = 0
    for row in Outbox.objects.order_by("pk")[:1000]:
        if messages.send_later(row.pk, row.kind, row.ref):
            sent += 1
    return sent


def ring_forgotten(moment: dt.datetime) -> None:
    """Steps and runs whose messages got lost with a broker: ring again."""
    old = moment - FORGOTTEN
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    ready = Step.objects.filter(STEP_DUE, due, status=StepStatus.READY, created_at__lte=old)
    live = ready.filter(run__status__in=[*GOING_RUNS, RunStatus.COMPENSATING])
    for pk in live.values_list("pk", flat=True)[:500]:
        messages.send_later(None, "perform", pk)
    for statuses, busy in STANDING:
        old_runs = Run.objects.filter(status__in=statuses, created_at__lte=old)
        idle = old_runs.exclude(steps__status__in=busy)
        for pk in idle.values_list("pk", flat=True)[:500]:
            messages.send_later(None, "advance", pk)


MOVING = (StepStatus.READY, StepStatus.RUNNING, StepStatus.RETRY_WAIT)
STANDING = (
    (LIVE_RUNS, tuple(status for status in OPEN_STEPS if status != StepStatus.PLANNED)),
    ((RunStatus.COMPENSATING,), MOVING),
)


def drain(limit: int = 1000) -> int:
    """Does everything that is due in this process, without Celery: for tests and small installs.
    Returns how many steps were performed."""
    done = 0
    while done < limit:
        wake_decided()
        sweep_leases()
        for statuses in (LIVE_RUNS, (RunStatus.COMPENSATING,)):
            for pk in Run.objects.filter(status__in=statuses).values_list("pk", flat=True):
                advance(pk)
        ready = Step.objects.filter(status=StepStatus.READY).order_by("created_at")
        claimed = [claim_step(pk, "drain") for pk in ready.values_list("pk", flat=True)]
        if not any(claimed):
            return done
        for step in filter(None, claimed):
            perform_step(step)
            done += 1
    return done


def wake_decided() -> None:
    """Steps whose request was decided: found by looking, should the signal have been lost."""
    decided = ApprovalRequest.objects.filter(pk=OuterRef("approval_ref")).exclude(status="pending")
    waiting = Step.objects.filter(
        STEP_AWAITING, Exists(decided), status=StepStatus.AWAITING_APPROVAL
    )
    for approval_id in waiting.values_list("approval_ref", flat=True)[:500]:
        if approval_id is not None:
            wake_waiting(approval_id=approval_id)
