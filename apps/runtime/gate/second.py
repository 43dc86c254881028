"""A second question about the same wish: a person edited the call, something moved while people
were thinking, or the time ran out and somebody asks again."""

from __future__ import annotations

from dataclasses import replace

from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest, Edit, Reopening
from apps.approvals.states import Origin
from apps.common.clock import now
from apps.common.writing import writing
from apps.runtime import budgets
from apps.runtime.gate.answering import (
    begun,
    carry_on,
    case_of,
    examined,
    free_key,
    not_now,
    refuse,
    wait,
)
from apps.runtime.gate.case import Case
from apps.runtime.gate.record import move
from apps.runtime.models import Action
from apps.runtime.rules import Outcome, Stopped, Work
from apps.runtime.states import ActionStatus


def current_request(action: Action) -> ApprovalRequest:
    """The newest question about the action: an approval that was taken back, or a request whose
    time ran out, may have been followed by another one."""
    request = ApprovalRequest.objects.filter(action_ref=action.pk).order_by("-number")[0]
    if request.pk != action.approval_id:
        action.approval_id, action.decide_by = request.pk, request.decide_by
        Action.objects.filter(pk=action.pk).update(
            approval_id=request.pk, decide_by=request.decide_by
        )
    return request


def ask_second(action: Action, request: ApprovalRequest, work: Work | None) -> Outcome:
    """Goes on after a request that was superseded: by a person's edit, which is judged as a new
    action of its own tool, or because agent, tool or policy has another version now."""
    edit = Edit.objects.filter(request=request).first()
    case = edited_case(action, edit, work) if edit else case_of(action, work)
    stop = examined(case)
    if stop is not None and (stop.transient or stop.code == budgets.CODE):
        return not_now(action, stop)
    with writing():
        if work:
            work.check()
        code = "edited" if edit else "changed"
        note = request.outcome_note
        move(action, to=ActionStatus.STALE, code=code, error=note, settled_at=now())
        if action.step_id is None and not edit:
            free_key(action, case)
        outcome = answer_second(case, stop, request, edit, work)
        if edit:
            denied = outcome.status == "denied"
            approvals.take_up(
                edit=edit,
                action_ref=outcome.action_id,
                refused=sentence_of(case, stop) if denied else "",
            )
    return carry_on(case, outcome, work)


def answer_second(
    case: Case,
    stop: Stopped | None,
    request: ApprovalRequest,
    edit: Edit | None,
    work: Work | None,
) -> Outcome:
    """In the caller's transaction. The editor's own consent counts below high risk."""
    if stop is not None or case.judgement is None or case.judgement.effect == "deny":
        return refuse(case, stop, work)
    if case.judgement.effect != "review":
        return begun(case, work)
    origin = Origin.HUMAN_EDIT if edit else Origin.CHANGED
    changed = [] if edit else [request.outcome_note]
    outcome = wait(case, work, supersedes=request, changed=changed, edit=edit, origin=origin)
    if edit and outcome.approval_id:
        asked = ApprovalRequest.objects.get(pk=outcome.approval_id)
        approvals.consent_of_editor(edit=edit, request=asked)
    return outcome


def edited_case(action: Action, edit: Edit, work: Work | None) -> Case:
    """The call as the person wrote it: of the same agent, for the same purpose. An outside call
    keeps its key with the first action, so that the agent finds the answer there."""
    case = case_of(action, work)
    key = action.idem_key if action.step_id else f"{action.idem_key[:80]}!{action.pk.hex}"
    trigger = {**case.call.trigger, "edited_by": edit.editor_label}
    call = replace(case.call, idem_key=key, trigger=trigger)
    return Case(case.agent_id, edit.tool, dict(edit.arguments), call, always_ask=True)


def sentence_of(case: Case, stop: Stopped | None) -> str:
    if stop is not None:
        return stop.sentence
    reasons = case.judgement.reasons if case.judgement else []
    return next((reason.sentence for reason in reasons), "The policies refuse it.")


def reopen(reopening: Reopening) -> Outcome | None:
    """Puts a question anew whose time ran out, on what holds now. The step that asked has ended,
    so the new action stands by itself, under the key that its effect would have had: nothing is
    done twice. None where there is nothing to ask; the reopening says why."""
    request = reopening.request
    action = Action.objects.select_related("tool", "agent", "session").get(pk=request.action_ref)
    case = case_of(action)
    case.call = replace(case.call, step_id=None)
    case.always_ask = True
    stop = examined(case)
    if stop is not None or case.judgement is None or case.judgement.effect != "review":
        allowed = stop is None and case.judgement is not None and case.judgement.effect == "allow"
        sentence = "The policies allow it without a person now." * allowed
        approvals.reopened(reopening=reopening, sentence=sentence or sentence_of(case, stop))
        return None
    with writing():
        if not approvals.reopened(reopening=reopening):
            return None
        if action.step_id is None:
            free_key(action, case)
        return wait(case, None, supersedes=request, origin=Origin.REOPENED)
