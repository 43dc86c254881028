"""One step: claimed under a lease, carried through the gate, parked, mended."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals.models import ApprovalRequest
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.orchestration import queries
from apps.orchestration.definitions import Unresolved, pointed_at, resolve
from apps.orchestration.models import Run, Step
from apps.orchestration.rules import backoff
from apps.orchestration.services import contradictions, leases
from apps.orchestration.services.leases import give_back
from apps.orchestration.services.moves import move_run, move_step, pause, post
from apps.orchestration.services.undoing import stop_open_steps
from apps.orchestration.states import BUDGET, GOING_RUNS, RunStatus, StepStatus
from apps.registry.models import Agent
from apps.registry.states import AgentStatus
from apps.runtime import gate
from apps.runtime.rules import CallContext, LostLease, Outcome, placed
from apps.runtime.toolbox import holds_resources, resources_of


class StepWork:
    """The step that an attempt at the gate serves (runtime.rules.Work)."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.fence = step.fence
        self.fences = step.fences
        self.process = step.run.workflow.process

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
        if self.fences:
            leases.release(self.step.pk, self.fences)
            contradictions.note(self.step, self.fences, outcome)
        if to == StepStatus.EXPIRED and outcome.approval_id is not None:
            end_of_time(self.step.run, outcome.approval_id)
        post("advance", self.step.run_id)


class UndoWork(StepWork):
    """The undoing of a step: the step that it takes back moves with it."""

    def settle(self, outcome: Outcome) -> None:
        super().settle(outcome)
        undone = self.step.compensates
        if undone is None or self.step.status not in UNDONE:
            return
        to, code = UNDONE[self.step.status]
        if not move_step(undone, to, error=self.step.error, code=code):
            raise LostLease("The step that was to be taken back has moved on.")


UNDONE: dict[str, tuple[str, str]] = {
    StepStatus.SUCCEEDED: (StepStatus.COMPENSATED, ""),
    StepStatus.FAILED: (StepStatus.COMPENSATION_FAILED, "stopped"),
    StepStatus.DEAD: (StepStatus.COMPENSATION_FAILED, "stopped"),
}


def end_of_time(run: Run, approval_id: uuid.UUID) -> None:
    """Nobody decided: the rule of the request may say that the run stops for a person, or ends."""
    request = ApprovalRequest.objects.get(pk=approval_id)
    rule = request.rule.get("on_timeout", "")
    reason = f"Nobody decided on {request.reference} in time."
    run.refresh_from_db()
    if rule == "pause":
        pause(run, "person", reason)
    if rule == "cancel" and move_run(
        run, RunStatus.CANCELLED, outcome="cancelled", sentence=reason
    ):
        stop_open_steps(run, "run_cancelled")
        record(type="run.cancelled", object=run, reason=reason, run_id=run.pk)


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
    if outcome.code == BUDGET:
        return StepStatus.READY, {
            "code": BUDGET,
            "error": outcome.error,
            "attempt": step.attempt - 1,
            "not_before": outcome.until,
        }
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
    come, when its run does not go on, when its agent is suspended, or when what it touches is
    held. An undoing is nobody's own: it goes on whatever became of the agent."""
    step = (
        Step.objects.select_related("run", "agent", "run__workflow", "compensates")
        .filter(pk=step_id, status=StepStatus.READY)
        .first()
    )
    if step is None:
        return None
    keys = resources_of(step.tool, arguments_of(step))
    if not keys:
        return step if take(step, worker) else None
    with transaction.atomic():
        if not take(step, worker):
            return None
        fences = leases.acquire(step, keys)
        if fences is None:
            park_for_resource(step)
            return None
    step.fences = fences
    return step


def arguments_of(step: Step) -> dict[str, Any]:
    """With what earlier steps found filled in, where the tool holds resources by them."""
    if not (pointed_at(step.arguments) and holds_resources(step.tool)):
        return dict(step.arguments)
    try:
        return dict(resolve(step.arguments, queries.results_of(step.run)))
    except Unresolved:
        return {}


def take(step: Step, worker: str) -> bool:
    moment = now()
    due = Q(not_before__isnull=True) | Q(not_before__lte=moment)
    taken: dict[str, Any] = {
        "status": StepStatus.RUNNING,
        "worker": worker,
        "lease_until": moment + dt.timedelta(seconds=settings.COUNCIL["LEASE_SECONDS"]),
        "started_at": moment,
    }
    won = Step.objects.filter(
        due, may_go(step), pk=step.pk, status=StepStatus.READY, fence=step.fence
    ).update(**taken, fence=F("fence") + 1, attempt=F("attempt") + 1)
    if won:
        step.fence += 1
        step.attempt += 1
        for name, value in taken.items():
            setattr(step, name, value)
    return bool(won)


def park_for_resource(step: Step) -> None:
    """In the transaction that claimed it, so that nobody saw it running: ready → awaiting."""
    Step.objects.filter(pk=step.pk, fence=step.fence).update(
        status=StepStatus.AWAITING_RESOURCE, lease_until=None, attempt=F("attempt") - 1
    )
    post("advance", step.run_id)


def may_go(step: Step) -> Q:
    if step.compensates_id:
        return Q(run__in=Run.objects.filter(status=RunStatus.COMPENSATING))
    return Q(
        agent__in=Agent.objects.filter(status=AgentStatus.ACTIVE),
        run__in=Run.objects.filter(status__in=GOING_RUNS),
    )


def renew_lease(step_id: uuid.UUID, fence: int) -> bool:
    """The heartbeat; false tells the worker that the step is no longer its own."""
    lease = now() + dt.timedelta(seconds=settings.COUNCIL["LEASE_SECONDS"])
    held = Step.objects.filter(pk=step_id, fence=fence, status=StepStatus.RUNNING)
    return bool(held.update(lease_until=lease))


def perform_step(step: Step) -> Outcome | None:
    """Carries a claimed step through the gate. None when the step was lost on the way."""
    run = step.run
    trigger = f"run {run.reference}, step {step.key}"
    who = {"kind": "agent", "id": str(step.agent_id), "label": step.agent.label}
    if step.compensates_id:
        who = {"kind": "system", "id": "", "label": f"undoing of {run.reference}"}
    with acting(**who, run_id=run.pk, trigger=trigger):
        try:
            return take_back(step) if step.compensates_id else through_the_gate(step, run)
        except LostLease:
            return None
        except Unresolved as error:
            give_back(step, StepStatus.FAILED, error=str(error), ended_at=now())
            return None


def take_back(step: Step) -> Outcome:
    undone = step.compensates
    if undone is None or undone.action_ref is None:
        raise Unresolved("There is no action to take back.")
    return gate.undo(action_id=undone.action_ref, reason=step.note, work=UndoWork(step))


def through_the_gate(step: Step, run: Run) -> Outcome | None:
    work = StepWork(step)
    if step.approval_ref and step.action_ref:
        outcome = gate.resume(action_id=step.action_ref, work=work)
        return unsettled(step, work, outcome)
    arguments = resolve(step.arguments, queries.results_of(run))
    if step.fences and contradictions.settled(step, arguments):
        return None
    return gate.attempt(
        agent_id=step.agent_id,
        tool=step.tool,
        arguments=arguments,
        call=CallContext(
            idem_key=step.idem_key,
            purpose=step.purpose,
            trigger=placed(
                {**run.trigger, "run": run.reference, "workflow": run.workflow.slug}, work.process
            ),
            run_id=run.pk,
            step_id=step.pk,
            requester_id=run.requester_id,
            used=used_by(run),
            tokens=step.tokens,
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
    """Puts the steps that waited for a decision back to work: with an approval, not before it can
    no longer be taken back."""
    woken = 0
    rows = Step.objects.filter(status=StepStatus.AWAITING_APPROVAL, approval_ref=approval_id)
    due = ApprovalRequest.objects.values_list("dispatch_at", flat=True).get(pk=approval_id)
    for step in rows:
        with transaction.atomic():
            if move_step(step, StepStatus.READY, not_before=due):
                post("perform", step.pk)
                post("advance", step.run_id)
                woken += 1
    return woken


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
    if step.status != StepStatus.IN_DOUBT:
        raise Conflict("Nothing about this step is in doubt.")
    settle_doubt(step, happened, reason)
    record(type="step.resolved", object=step, reason=reason, run_id=step.run_id)
    post("perform", step.pk)
    if step.run.status == RunStatus.STUCK:
        move_run(step.run, RunStatus.COMPENSATING, wait_reason="")
    post("advance", step.run_id)


def settle_doubt(step: Step, happened: bool, reason: str) -> None:
    undone = step.compensates
    if undone is not None and undone.action_ref:
        gate.resolve_undo(action_id=undone.action_ref, happened=happened, reason=reason)
    elif step.action_ref:
        gate.resolve(action_id=step.action_ref, happened=happened, reason=reason)
    if happened:
        moved = move_step(step, StepStatus.SUCCEEDED, ended_at=now(), result={}, error="")
    else:
        moved = move_step(step, StepStatus.READY, not_before=None, error="")
    if not moved:
        raise Conflict("Somebody else has just changed this step.")
    if happened and undone is not None:
        move_step(undone, StepStatus.COMPENSATED, error="")
