"""Runs and steps: the only writers. Every change is a guarded UPDATE on (id, status, fence)."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.orchestration import queries
from apps.orchestration.definitions import (
    DEFINITIONS,
    Definition,
    Finish,
    StepSpec,
    Unresolved,
    resolve,
)
from apps.orchestration.messages import send_later
from apps.orchestration.models import Outbox, Run, Step, Workflow
from apps.orchestration.rules import backoff, idempotency_key, looping
from apps.orchestration.states import (
    ENDED_RUNS,
    LIVE_RUNS,
    OPEN_STEPS,
    RUN_MOVES,
    STEP_MOVES,
    RunStatus,
    StepStatus,
)
from apps.registry.models import Agent
from apps.registry.states import AgentStatus
from apps.runtime import gate
from apps.runtime.rules import CallContext, LostLease, Outcome
from apps.runtime.toolbox import Moved

MOST_STEPS = 60
MOST_RETURNS = 2
PARKED = (StepStatus.AWAITING_APPROVAL, StepStatus.READY)


@transaction.atomic
def install_workflow(*, definition: Definition, process: str = "") -> Workflow:
    """Makes a registered definition known to the organisation, or notes its new version."""
    workflow = Workflow.objects.filter(slug=definition.slug).first() or Workflow(
        slug=definition.slug
    )
    if workflow.pk and workflow.version == definition.version:
        return workflow  # type: ignore[no-any-return]
    workflow.title = definition.title
    workflow.version = definition.version
    workflow.process = process
    workflow.save()
    record(type="workflow.registered", object=workflow)
    return workflow


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


def post(kind: str, ref: uuid.UUID) -> None:
    """A doorbell for after the commit: a row first, a message when somebody can send it."""
    row = Outbox.objects.create(kind=kind, ref=ref, created_at=now())
    transaction.on_commit(partial(send_later, row.pk, kind, ref))


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


class StepWork:
    """The step that an attempt at the gate serves (runtime.rules.Work)."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.fence = step.fence

    def check(self) -> None:
        owned = Step.objects.select_for_update().filter(
            pk=self.step.pk, status=StepStatus.RUNNING, fence=self.fence
        )
        if not owned.exists():
            raise LostLease("Another worker owns this step now.")

    def settle(self, outcome: Outcome) -> None:
        to, fields = after(self.step, outcome)
        self.step.status, self.step.fence = StepStatus.RUNNING, self.fence
        if not move_step(self.step, to, action_ref=outcome.action_id, lease_until=None, **fields):
            raise LostLease("Another worker owns this step now.")
        post("advance", self.step.run_id)


def after(step: Step, outcome: Outcome) -> tuple[str, dict[str, Any]]:
    """Where a step goes after the gate's answer, and what is written down with it."""
    ended = {"ended_at": now(), "error": outcome.error}
    if outcome.status == "done":
        return StepStatus.SUCCEEDED, {**ended, "result": outcome.result, "error": ""}
    if outcome.status == "waiting":
        return StepStatus.AWAITING_APPROVAL, {"approval_ref": outcome.approval_id}
    if outcome.status == "retry":
        return try_again(step, outcome)
    if outcome.status == "in_doubt":
        record(type="step.in_doubt", object=step, outcome="in_doubt", run_id=step.run_id)
        return StepStatus.IN_DOUBT, {"error": outcome.error}
    if outcome.status == "failed":
        return StepStatus.FAILED, ended
    refusals = {
        "timeout": StepStatus.EXPIRED,
        "rejected": StepStatus.REJECTED,
        "returned": StepStatus.RETURNED,
    }
    note = outcome.error if outcome.code in refusals else ""
    error = outcome.error or next((reason["sentence"] for reason in outcome.reasons), "")
    status = refusals.get(outcome.code, StepStatus.DENIED)
    return status, {**ended, "error": error, "note": note}


def try_again(step: Step, outcome: Outcome) -> tuple[str, dict[str, Any]]:
    """A limit costs no attempt; a failure does, and the last one is a dead letter."""
    limited = outcome.verdict == "deny"
    attempt = step.attempt - 1 if limited else step.attempt
    if attempt >= step.max_attempts:
        record(
            type="step.dead",
            object=step,
            outcome="failed",
            reason=outcome.error,
            run_id=step.run_id,
        )
        return StepStatus.DEAD, {"error": outcome.error, "attempt": attempt}
    wait = backoff(attempt, random.random(), outcome.retry_after)  # noqa: S311 - jitter
    due = now() + dt.timedelta(seconds=wait)
    return StepStatus.RETRY_WAIT, {"error": outcome.error, "attempt": attempt, "not_before": due}


def claim_step(step_id: uuid.UUID, worker: str) -> Step | None:
    """Takes a ready step under a lease; None when somebody else has it, when its time has not
    come, when its run does not go on, or when its agent is suspended."""
    moment = now()
    lease = moment + dt.timedelta(seconds=settings.COUNCIL["LEASE_SECONDS"])
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    won = Step.objects.filter(
        due,
        pk=step_id,
        status=StepStatus.READY,
        agent__in=Agent.objects.filter(status=AgentStatus.ACTIVE),
        run__in=Run.objects.filter(status__in=[RunStatus.RUNNING, RunStatus.WAITING]),
    ).update(
        status=StepStatus.RUNNING,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        worker=worker,
        lease_until=lease,
        started_at=moment,
    )
    if not won:
        return None
    return Step.objects.select_related("run", "agent", "run__workflow").get(pk=step_id)


def renew_lease(step_id: uuid.UUID, fence: int) -> bool:
    """The heartbeat; false tells the worker that the step is no longer its own."""
    lease = now() + dt.timedelta(seconds=settings.COUNCIL["LEASE_SECONDS"])
    held = Step.objects.filter(pk=step_id, fence=fence, status=StepStatus.RUNNING)
    return bool(held.update(lease_until=lease))


def perform_step(step: Step) -> Outcome | None:
    """Carries a claimed step through the gate. None when the step was lost on the way."""
    run = step.run
    with acting(
        kind="agent",
        id=str(step.agent_id),
        label=step.agent.label,
        run_id=run.pk,
        trigger=f"run {run.reference}, step {step.key}",
    ):
        try:
            return through_the_gate(step, run)
        except LostLease:
            return None
        except Unresolved as error:
            with transaction.atomic():
                if move_step(
                    step, StepStatus.FAILED, error=str(error), ended_at=now(), lease_until=None
                ):
                    post("advance", run.pk)
            return None


def through_the_gate(step: Step, run: Run) -> Outcome:
    work = StepWork(step)
    if step.approval_ref and step.action_ref:
        outcome = gate.resume(action_id=step.action_ref, work=work)
        return unsettled(step, work, outcome)
    arguments = resolve(step.arguments, queries.results_of(run))
    return gate.attempt(
        agent_id=step.agent_id,
        tool=step.tool,
        arguments=arguments,
        call=CallContext(
            idem_key=step.idem_key,
            purpose=step.purpose,
            trigger={**run.trigger, "run": run.reference, "workflow": run.workflow.slug},
            run_id=run.pk,
            step_id=step.pk,
            requester_id=run.requester_id,
            used=used_by(run),
        ),
        work=work,
    )


def unsettled(step: Step, work: StepWork, outcome: Outcome) -> Outcome:
    """A resume that only repeats an answer (still waiting, or a transient refusal) parks the step
    again."""
    fresh = Step.objects.get(pk=step.pk)
    if fresh.status == StepStatus.RUNNING and fresh.fence == work.fence:
        with transaction.atomic():
            work.settle(outcome)
    return outcome


def used_by(run: Run) -> list[dict[str, Any]]:
    """What the run has read so far, with untrusted text marked as such, for the evidence."""
    found = []
    for step in run.steps.filter(status="succeeded").order_by("ended_at"):
        texts = (step.result or {}).get("untrusted", [])
        excerpt = " … ".join(str(text.get("text", "")) for text in texts)[:500]
        found.append(
            {
                "label": step.purpose or step.tool,
                "ref": str(step.action_ref),
                "tool": step.tool,
                "untrusted": bool(texts),
                "excerpt": excerpt,
            }
        )
    return found


def wake_waiting(*, approval_id: uuid.UUID) -> int:
    """Puts the steps that waited for a decision back to work."""
    woken = 0
    rows = Step.objects.filter(status=StepStatus.AWAITING_APPROVAL, approval_ref=approval_id)
    for step in rows:
        with transaction.atomic():
            if move_step(step, StepStatus.READY, not_before=None):
                post("perform", step.pk)
                post("advance", step.run_id)
                woken += 1
    return woken


def sweep() -> None:
    """Finds what a lost message would have told. Idempotent; two at once are harmless."""
    moment = now()
    reclaim_lost(moment)
    follow_agents()
    for step in Step.objects.filter(status=StepStatus.RETRY_WAIT, not_before__lte=moment)[:500]:
        with transaction.atomic():
            if move_step(step, StepStatus.READY):
                post("perform", step.pk)
                post("advance", step.run_id)
    wake_decided()
    relay()
    ring_forgotten(moment)


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


def reclaim_lost(moment: dt.datetime) -> None:
    """A lease that ran out: the worker died or froze. The fence goes up, so a late writer loses."""
    lost = Step.objects.filter(status=StepStatus.RUNNING, lease_until__lte=moment)
    for step in lost.order_by("pk")[:500]:
        with transaction.atomic():
            moved = Step.objects.filter(
                pk=step.pk, status=StepStatus.RUNNING, fence=step.fence, lease_until__lte=moment
            ).update(
                status=StepStatus.READY, fence=F("fence") + 1, lease_until=None, not_before=None
            )
            if moved:
                post("perform", step.pk)


def relay() -> int:
    """Sends what is in the outbox. A row goes once its message is with the broker."""
    sent = 0
    for row in Outbox.objects.order_by("pk")[:1000]:
        if send_later(row.pk, row.kind, row.ref):
            sent += 1
    return sent


FORGOTTEN = dt.timedelta(seconds=10)


def ring_forgotten(moment: dt.datetime) -> None:
    """Steps and runs whose messages got lost with a broker: ring again."""
    old = moment - FORGOTTEN
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    ready = Step.objects.filter(due, status=StepStatus.READY, created_at__lte=old)
    live = ready.filter(run__status__in=[RunStatus.RUNNING, RunStatus.WAITING])
    for pk in live.values_list("pk", flat=True)[:500]:
        send_later(None, "perform", pk)
    idle = Run.objects.filter(status__in=LIVE_RUNS, created_at__lte=old).exclude(
        steps__status__in=OPEN_STEPS
    )
    for pk in idle.values_list("pk", flat=True)[:500]:
        send_later(None, "advance", pk)


def drain(limit: int = 1000) -> int:
    """Does everything that is due in this process, without Celery: for tests and small installs.
    Returns how many steps were performed."""
    done = 0
    while done < limit:
        wake_decided()
        for pk in Run.objects.filter(status__in=LIVE_RUNS).values_list("pk", flat=True):
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
    decided = ApprovalRequest.objects.exclude(status="pending").values("pk")
    waiting = Step.objects.filter(status=StepStatus.AWAITING_APPROVAL, approval_ref__in=decided)
    for approval_id in waiting.values_list("approval_ref", flat=True)[:500]:
        if approval_id is not None:
            wake_waiting(approval_id=approval_id)


def pause_for_agent(*, agent_id: int) -> int:
    """Runs whose next work is the suspended agent's stop; nothing of them is lost."""
    paused = 0
    rows = Run.objects.filter(
        status__in=LIVE_RUNS, steps__agent_id=agent_id, steps__status__in=OPEN_STEPS
    ).distinct()
    for run in rows:
        with transaction.atomic():
            if move_run(run, RunStatus.PAUSED, wait_reason="agent_suspended"):
                record(
                    type="run.paused", object=run, reason="Its agent was suspended.", run_id=run.pk
                )
                paused += 1
    return paused


def continue_for_agent(*, agent_id: int) -> int:
    """Lets those runs go on. What had been approved is asked again: old approvals never replay."""
    rows = Run.objects.filter(
        status=RunStatus.PAUSED, wait_reason="agent_suspended", steps__agent_id=agent_id
    ).distinct()
    return sum(bring_back(run, "Its agent was resumed.") for run in rows)


def bring_back(run: Run, reason: str) -> bool:
    with transaction.atomic():
        if not move_run(run, RunStatus.RUNNING, wait_reason=""):
            return False
        record(type="run.continued", object=run, reason=reason, run_id=run.pk)
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
    request = ApprovalRequest.objects.get(pk=step.approval_ref)
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
    if not move_run(run, RunStatus.PAUSED, wait_reason="person"):
        raise Conflict("Only a run that is going on can be paused.")
    record(type="run.paused", object=run, reason=reason, run_id=run.pk)


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
    for step in run.steps.filter(status__in=OPEN_STEPS).exclude(status=StepStatus.RUNNING):
        if step.action_ref:
            approvals.cancel_for_action(action_ref=step.action_ref, reason_code="run_cancelled")
        move_step(step, StepStatus.CANCELLED, ended_at=now())
    record(type="run.cancelled", object=run, reason=reason, run_id=run.pk)


@permitted("runs.operate")
@transaction.atomic
def requeue_step(*, actor: User | None, step: Step, reason: str) -> None:
    """Gives a step that gave up a new set of attempts."""
    if not move_step(step, StepStatus.READY, attempt=0, not_before=None, error=""):
        raise Conflict("Only a step that gave up can be requeued.")
    record(type="step.requeued", object=step, reason=reason, run_id=step.run_id)
    post("perform", step.pk)
    post("advance", step.run_id)


@permitted("runs.operate")
@transaction.atomic
def resolve_in_doubt(*, actor: User | None, step: Step, happened: bool, reason: str) -> None:
    """A person found out whether the effect happened: done, or tried again from the start."""
    if step.action_ref is None or step.status != StepStatus.IN_DOUBT:
        raise Conflict("Nothing about this step is in doubt.")
    gate.resolve(action_id=step.action_ref, happened=happened, reason=reason)
    if happened:
        moved = move_step(step, StepStatus.SUCCEEDED, ended_at=now(), result={}, error="")
    else:
        moved = move_step(step, StepStatus.READY, not_before=None, error="")
    if not moved:
        raise Conflict("Somebody else has just changed this step.")
    record(type="step.resolved", object=step, reason=reason, run_id=step.run_id)
    post("perform", step.pk)
    post("advance", step.run_id)


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
