"""The gate's three answers, each recorded before anything else happens: no, ask, go ahead."""

from __future__ import annotations

import logging
from typing import Any

from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest, Edit
from apps.approvals.states import Origin
from apps.common.ids import uuid7
from apps.common.rows import together
from apps.common.writing import writing
from apps.runtime import budgets
from apps.runtime.gate import effects
from apps.runtime.gate.case import Case
from apps.runtime.gate.judging import examine
from apps.runtime.gate.record import ask_people, list_skipped, outcome_of, tell, write
from apps.runtime.models import Action
from apps.runtime.rules import CallContext, Outcome, Stopped, Work, placed
from apps.runtime.states import ActionStatus

log = logging.getLogger(__name__)


def examined(case: Case) -> Stopped | None:
    """The gate's own no, if any. Whatever breaks while judging is a no as well."""
    try:
        examine(case)
    except Stopped as stop:
        return stop
    except Exception:  # noqa: BLE001 - rule 4 of the gate: an unforeseen error is never an allow
        log.exception("Judging %s broke off.", case.tool_name)
        return Stopped("gate_error", "The action could not be judged, so it is refused.")
    return None


def refuse(case: Case, stop: Stopped | None, work: Work | None) -> Outcome:
    with writing():
        if work:
            work.check()
        with together():
            action = write(case, verdict="deny", status=ActionStatus.DENIED, stop=stop)
            tell(case, action, "denied")
        changes: dict[str, Any] = {"until": stop.until} if stop is not None else {}
        if stop is not None and stop.transient:
            changes = {"status": "retry", "retry_after": stop.retry_after}
        outcome = outcome_of(action, **changes)
        if work:
            work.settle(outcome)
    return outcome


def wait(
    case: Case,
    work: Work | None,
    *,
    supersedes: ApprovalRequest | None = None,
    changed: list[str] | None = None,
    edit: Edit | None = None,
    origin: str = Origin.GATE,
) -> Outcome:
    """Nothing waits in a worker for a person: the question is a row, and the step is parked."""
    with writing():
        if work:
            work.check()
        action = write(case, verdict="review", status=ActionStatus.WAITING)
        request = ask_people(
            case, action, supersedes=supersedes, changed=changed, edit=edit, origin=origin
        )
        action.approval_id = request.pk
        action.decide_by = request.decide_by
        Action.objects.filter(pk=action.pk).update(
            approval_id=request.pk, decide_by=request.decide_by
        )
        tell(case, action, "review")
        outcome = outcome_of(action, code="stale" if supersedes else "")
        if work:
            work.settle(outcome)
    return outcome


def let_through(case: Case, work: Work | None) -> Outcome:
    """The record is committed first; a worker that dies now leaves a trace to be resolved."""
    return carry_on(case, begun(case, work), work)


def begun(case: Case, work: Work | None) -> Outcome:
    """`begin`, or the gate's no where a budget is used up."""
    try:
        with writing():
            return begin(case, work)
    except Stopped as stop:
        return refuse(case, stop, work)


def begin(case: Case, work: Work | None) -> Outcome:
    """In the caller's transaction: the record of an allowed action. A standing approval that was
    used up meanwhile is none: then people are asked after all."""
    if work:
        work.check()
    pk = uuid7()
    if case.standing_id is not None and not approvals.use_standing(
        standing_id=case.standing_id, action_ref=pk
    ):
        return wait(case, work)
    own = case.connector is None
    status = ActionStatus.ALLOWED if own else ActionStatus.EXECUTING
    action = write(case, verdict="allow", status=status, pk=pk)
    set_aside(case, action)
    tell(case, action, "allowed")
    if case.sampled_out:
        list_skipped(case, action)
    if own and case.tool is not None:
        effects.mark_reader(action, case.tool, case.session)
    outcome = outcome_of(action)
    if own and work:
        work.settle(outcome)
    return outcome


def carry_on(case: Case, outcome: Outcome, work: Work | None) -> Outcome:
    """After the commit: the effect of what `begin` recorded, where it is ours to bring about."""
    if outcome.action.status != ActionStatus.EXECUTING:
        return outcome
    return effects.carry_out(outcome.action, case.facts, work)


def set_aside(case: Case, action: Action) -> None:
    """Reserves what the action will use of the budgets that concern it, or raises Stopped."""
    if not case.budgets or case.tool is None:
        return
    tried = Action.objects.filter(step_id=action.step_id, status=ActionStatus.FAILED)
    first = action.step_id is None or not tried.exists()
    spending = budgets.Spending(case.call, case.tool, case.arguments, case.facts, first)
    budgets.reserve(case.budgets, spending, action)


def not_now(action: Action, stop: Stopped) -> Outcome:
    """A limit stands in the way for now: the decision stays good until its time runs out."""
    status = "retry" if stop.transient else "denied"
    return outcome_of(
        action,
        status=status,
        code=stop.code,
        error=stop.sentence,
        retry_after=stop.retry_after,
        until=stop.until,
    )


def case_of(action: Action, work: Work | None = None) -> Case:
    """The case anew, as it was recorded; the process is the one that the workflow belongs to now,
    where the step itself is at hand."""
    if action.agent_id is None:
        raise Stopped("not_in_standing", "There is no such agent.")
    trigger = placed(action.trigger, work.process) if work else action.trigger
    call = CallContext(
        idem_key=action.idem_key,
        purpose=action.purpose,
        trigger=trigger,
        run_id=action.run_id,
        step_id=action.step_id,
        session=action.session.external_id if action.session and not action.run_id else "",
        credential_id=action.credential_id,
        requester_id=action.requester_id,
        on_behalf_of=action.on_behalf_of,
        claims=action.claims,
        used=action.used,
    )
    return Case(action.agent_id, action.tool_name, dict(action.arguments), call)


def free_key(action: Action, case: Case) -> None:
    """An outside call keeps its key: it moves to the row that now answers for it."""
    key = f"{action.idem_key[:80]}!{action.pk.hex}"
    Action.objects.filter(pk=action.pk).update(idem_key=key)
