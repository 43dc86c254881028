"""The gate's verbs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from apps.approvals import queries as asked
from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest
from apps.approvals.rules import MOST_REFUSALS
from apps.approvals.states import Origin
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.common.writing import writing
from apps.ledger.services import record
from apps.runtime import budgets
from apps.runtime.connectors import connector_for
from apps.runtime.gate import effects
from apps.runtime.gate.answering import (
    case_of,
    examined,
    free_key,
    let_through,
    not_now,
    refuse,
    set_aside,
    wait,
)
from apps.runtime.gate.case import Case
from apps.runtime.gate.judging import judge
from apps.runtime.gate.reading import Reading
from apps.runtime.gate.record import move, outcome_of
from apps.runtime.gate.second import ask_second, current_request
from apps.runtime.models import Action, Effect
from apps.runtime.rules import CallContext, LostLease, Outcome, Stopped, Work
from apps.runtime.states import ActionStatus, EffectStatus
from apps.runtime.toolbox import Preview, Rejected, Unavailable

TURNED_DOWN = Stopped(
    "turned_down", "People have refused exactly this three times; it is not asked again by itself."
)


def attempt(
    *,
    agent_id: int,
    tool: str,
    arguments: Mapping[str, Any],
    call: CallContext,
    work: Work | None = None,
    reading: Reading | None = None,
) -> Outcome:
    """One tool call of one agent: judged, recorded, and carried out if it is allowed. `reading` is
    what `look` has just answered about this very call, if the caller had to ask already.

    Returns the Outcome; a tool that the agent runs itself ends as `allowed`. Asked again with the
    same idempotency key, it answers again and acts once. Raises LostLease when the step is owned
    by another worker, and Conflict when the key was used for something else.
    """
    case = Case(agent_id, tool, dict(arguments), call, reading=reading)
    if (earlier := earlier_answer(case, work)) is not None:
        return earlier
    stop = examined(case)
    if stop is not None or case.judgement is None:
        return refuse(case, stop or Stopped("gate_error", "The action was not judged."), work)
    if case.judgement.effect == "deny":
        return refuse(case, None, work)
    if case.judgement.effect == "review" and not case.passes:
        if asked.turned_down(case.agent_id, case.intent_digest) >= MOST_REFUSALS:
            return refuse(case, TURNED_DOWN, work)
        return wait(case, work)
    return let_through(case, work)


def earlier_answer(case: Case, work: Work | None) -> Outcome | None:
    """What an earlier attempt with the same key, or the same open wish, was told."""
    if case.read.earlier is None:
        return None
    action = Action.objects.get(pk=case.read.earlier)
    if case.call.step_id is None and action.arguments != case.arguments:
        raise Conflict("This idempotency key was used for another call.", "key_reused")
    if action.status == ActionStatus.EXECUTING:
        if case.call.step_id is None:
            return outcome_of(action)
        effects.clear_up(action)
        return None
    # A question that was withdrawn (its agent was suspended) is put anew when the step comes back.
    withdrawn = action.status == ActionStatus.EXPIRED and action.code == "cancelled"
    ended = (ActionStatus.FAILED, ActionStatus.DENIED, ActionStatus.STALE)
    if withdrawn or action.status in ended:
        return None if case.call.step_id else outcome_of(action)
    outcome = outcome_of(action)
    if work:
        with writing():
            work.check()
            work.settle(outcome)
    return outcome


def resume(*, action_id: uuid.UUID, work: Work | None = None) -> Outcome:
    """Goes on with an action that waited for a person.

    Everything is judged again on fresh facts. Approved and still exactly the same: carried out.
    Changed meanwhile: the stale approval is refused and the question is put anew, saying what
    changed (status waiting, code stale). Rejected, expired or cancelled: denied. Edited by a
    person: the edited call is judged as a new action. An approval that can still be taken back is
    left alone.
    """
    action = Action.objects.select_related("tool", "agent").get(pk=action_id)
    if action.approval_id is None:
        return repeat(action, work)
    if work and action.status == ActionStatus.EXECUTING:
        return after_death(action, action.approval_id, work)
    if action.status != ActionStatus.WAITING:
        return repeat(action, work)
    request = current_request(action)
    if request.status == "pending":
        return repeat(action, work)
    if request.status != "approved":
        follow = ask_second if request.status == "superseded" else close
        return follow(action, request, work)
    return use(action, request, work)


def use(action: Action, request: ApprovalRequest, work: Work | None) -> Outcome:
    """People said yes: everything is judged again, and what still holds is carried out."""
    case = case_of(action, work)
    stop = examined(case)
    if request.dispatch_at is not None and case.read.moment < request.dispatch_at:
        return repeat(action, work)
    if stop is not None and (stop.transient or stop.code == budgets.CODE):
        return not_now(action, stop)
    if stop is not None or case.judgement is None or case.judgement.effect == "deny":
        return withdraw(action, request, case, stop, work)
    if case.judgement.effect == "review":
        if case.action_digest != request.action_digest or request.execution == "refused_stale":
            return ask_again(action, request, case, work)
        names = tuple(sorted(asked.approved_checkpoints(request)))
        case.approvals = names
        if (stop := judged_with_approvals(case)) is not None:
            return withdraw(action, request, case, stop, work)
    return dispatch(action, request, case, work)


def after_death(action: Action, approval_id: uuid.UUID, work: Work) -> Outcome:
    """The step's earlier worker died between the use of the approval and the record of what came
    of it. Where the call had begun, the effect's own record or the tool says what happened, or a
    person must; where it had not, it is carried out if it may still be."""
    case = case_of(action, work)
    if not Effect.objects.filter(pk=action.idem_key).exists():
        request = ApprovalRequest.objects.get(pk=approval_id)
        case.approvals = tuple(sorted(asked.approved_checkpoints(request)))
        stop = examined(case) or not_allowed(case)
        if action.execute_by is not None and action.execute_by <= now():
            stop = EXECUTE_TOO_LATE
        if stop is not None:
            approvals.mark_execution(request_id=approval_id, execution="failed")
            return effects.fail(action, work, stop.code, stop.sentence)
    outcome = effects.carry_out(action, case.facts, work)
    mark(action, outcome)
    return outcome


def repeat(action: Action, work: Work | None) -> Outcome:
    """A duplicate message: the same answer, settled only if there is something to settle."""
    outcome = outcome_of(action)
    if work and action.status not in (ActionStatus.WAITING, ActionStatus.EXECUTING):
        with writing():
            work.check()
            work.settle(outcome)
    return outcome


def judged_with_approvals(case: Case) -> Stopped | None:
    """Whether the policies allow the action now that people have said yes."""
    judge(case)
    return not_allowed(case)


def not_allowed(case: Case) -> Stopped | None:
    if case.judgement is not None and case.judgement.effect == "allow":
        return None
    return Stopped("not_approved", "The policies ask for more than was approved.")


def close(action: Action, request: ApprovalRequest, work: Work | None) -> Outcome:
    """People said no, or nobody answered in time; a timeout is told apart from a refusal."""
    rejected = request.status in ("rejected", "returned")
    status = ActionStatus.REJECTED if rejected else ActionStatus.EXPIRED
    code = {"expired": "timeout"}.get(request.status, request.status)
    with writing():
        if work:
            work.check()
        move(action, to=status, code=code, error=request.outcome_note, settled_at=now())
        outcome = outcome_of(action, approval_id=request.pk)
        if work:
            work.settle(outcome)
    return outcome


def withdraw(
    action: Action,
    request: ApprovalRequest,
    case: Case,
    stop: Stopped | None,
    work: Work | None,
) -> Outcome:
    """Approved, but refused by today's rules or standing: the approval is not used."""
    reasons = case.judgement.reasons if case.judgement else []
    sentence = stop.sentence if stop else next((r.sentence for r in reasons), "Refused.")
    with writing():
        if work:
            work.check()
        code = stop.code if stop else "denied"
        move(action, to=ActionStatus.STALE, code=code, error=sentence, settled_at=now())
        approvals.mark_execution(request_id=request.pk, execution="refused_stale")
        record(
            type="approval.stale", object=request, outcome="denied", reason=sentence,
            run_id=action.run_id,
        )  # fmt: skip
        outcome = outcome_of(action, approval_id=request.pk)
        if work:
            work.settle(outcome)
    return outcome


def ask_again(action: Action, request: ApprovalRequest, case: Case, work: Work | None) -> Outcome:
    changed = what_changed(request, case)
    with writing():
        if work:
            work.check()
        reason = "What was approved is no longer what would be done: " + " ".join(changed)
        move(action, to=ActionStatus.STALE, code="stale", error=reason, settled_at=now())
        approvals.mark_execution(request_id=request.pk, execution="refused_stale")
        record(
            type="approval.stale", object=request, outcome="denied", reason=reason,
            run_id=action.run_id,
        )  # fmt: skip
        if action.step_id is None:
            free_key(action, case)
        return wait(case, work, supersedes=request, changed=changed, origin=Origin.CHANGED)


def what_changed(request: ApprovalRequest, case: Case) -> list[str]:
    """Sentences for the person who is asked a second time."""
    if case.action_digest == request.action_digest:
        return ["The agent was suspended since the decision."]
    told = request.evidence.get("will_happen", {})
    preview = case.preview
    sentences = []
    for side, current in (("before", preview.before), ("after", preview.after)) if preview else ():
        old = told.get(side, {})
        for name in sorted({*old, *current}):
            if str(old.get(name)) != str(current.get(name)):
                sentences.append(f"{name} was {old.get(name)}, now {current.get(name)}.")
    return sentences or ["The rules, the tool or the agent changed since the decision."]


def dispatch(action: Action, request: ApprovalRequest, case: Case, work: Work | None) -> Outcome:
    """Single use: one dispatch per approval, and the record is committed before the effect."""
    own = case.connector is None
    try:
        with writing():
            if work:
                work.check()
            if not approvals.dispatch(request_id=request.pk, action_digest=request.action_digest):
                raise LostLease("The approval was used, or its time ran out.")
            if own:
                move(action, to=ActionStatus.ALLOWED, execute_by=request.execute_by)
                if case.tool is not None:
                    effects.mark_reader(action, case.tool, case.session)
            else:
                move(action, to=ActionStatus.EXECUTING, execute_by=request.execute_by)
            set_aside(case, action)
    except Stopped as stop:
        return not_now(Action.objects.get(pk=action.pk), stop)
    except LostLease:
        request.refresh_from_db()
        if request.execution == "none" and request.execute_by and request.execute_by <= now():
            return withdraw(action, request, case, EXECUTE_TOO_LATE, work)
        raise
    if own:
        return outcome_of(action)
    outcome = effects.carry_out(action, case.facts, work)
    mark(action, outcome)
    return outcome


def mark(action: Action, outcome: Outcome) -> None:
    """Notes with the approval, if there was one, what became of what it allowed."""
    execution = {"done": "succeeded", "in_doubt": "in_doubt"}.get(outcome.status, "failed")
    if action.approval_id is not None:
        approvals.mark_execution(request_id=action.approval_id, execution=execution)


EXECUTE_TOO_LATE = Stopped("too_late", "The approval ran out before it could be carried out.")


def foreseen(*, tool: str, arguments: Mapping[str, Any]) -> Preview | None:
    """What a call would change; None where its system cannot tell."""
    try:
        return connector_for(tool).preview(tool, dict(arguments))
    except (Stopped, Unavailable, Rejected):
        return None


def look_up(*, action_id: uuid.UUID, work: Work | None = None) -> Outcome:
    """Asks the tool itself about an action in doubt; still in doubt when it cannot tell."""
    action = Action.objects.select_related("tool").get(pk=action_id)
    if action.status != ActionStatus.IN_DOUBT:
        return outcome_of(action)
    try:
        found = connector_for(action.tool_name).lookup(action.idem_key)
    except (Stopped, Unavailable, Rejected):
        found = None
    if found is None or effects.output_problem(action, found):
        return outcome_of(action)
    with writing():
        if work:
            work.check()
        effects.close_effect(effects.call_of(action, {}), EffectStatus.DONE, found)
        outcome = effects.finish(action, work, found)
        mark(action, outcome)
    return outcome


def give_up(*, action_id: uuid.UUID) -> Outcome:
    """An outside call whose process died while it acted for the caller. What had not begun has
    failed; of what had, the tool is asked, and then a person. It is never tried again."""
    action = Action.objects.select_related("tool").get(pk=action_id)
    begun = Effect.objects.filter(pk=action.idem_key, status=EffectStatus.DISPATCHING)
    if not begun.exists():
        effects.clear_up(action)
    else:
        effects.doubt(action, None, effects.UNKNOWN)
    outcome = outcome_of(action)
    mark(action, outcome)
    return look_up(action_id=action_id) if outcome.status == "in_doubt" else outcome


def resolve(*, action_id: uuid.UUID, happened: bool, reason: str) -> Outcome:
    """A person says what became of an action in doubt. Not happened: the key is free again."""
    action = Action.objects.get(pk=action_id)
    with writing():
        effect = Effect.objects.select_for_update().filter(pk=action.idem_key)
        if happened:
            move(action, to=ActionStatus.DONE, settled_at=now(), error="")
            budgets.settle(action, {})
            effect.update(status=EffectStatus.DONE, ended_at=now())
        else:
            move(action, to=ActionStatus.FAILED, settled_at=now(), error=reason)
            budgets.settle(action, None)
            effect.delete()
        record(
            type="action.reported",
            object=action,
            outcome="done" if happened else "failed",
            reason=reason,
            run_id=action.run_id,
        )
        outcome = outcome_of(action)
        mark(action, outcome)
    return outcome
