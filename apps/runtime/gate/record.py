"""Writing down every answer of the gate: an Action row and a ledger event in one transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils.dateparse import parse_datetime

from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest, Edit
from apps.approvals.rules import concerns
from apps.approvals.states import Origin
from apps.common.canonical import plain
from apps.common.ids import uuid7
from apps.common.rows import insert, made
from apps.ledger.services import record
from apps.policies import services as policies
from apps.registry.rules import resource
from apps.runtime.gate.case import Case, count_action, facts_with_source
from apps.runtime.gate.drawing import risk_of
from apps.runtime.models import Action
from apps.runtime.rules import LostLease, Outcome, Stopped, secret_free
from apps.runtime.states import ACTION_MOVES, ActionStatus

OWN_EXECUTION = dt.timedelta(minutes=10)


def write(
    case: Case,
    *,
    verdict: str,
    status: str,
    stop: Stopped | None = None,
    pk: uuid.UUID | None = None,
) -> Action:
    """The Action row and its ledger event. Must run inside the caller's transaction."""
    judgement = case.judgement
    count_action(case)
    moment = case.read.moment
    action = made(
        Action,
        {"agent": case.agent, "tool": case.tool, "session": case.session},
        id=pk or uuid7(),
        at=moment,
        agent_id=case.agent.pk if case.agent else None,
        agent_label=case.agent_label,
        credential_id=case.call.credential_id,
        tool_id=case.tool.pk if case.tool else None,
        tool_name=case.tool_name[:120],
        tool_pin=case.tool.pin if case.tool else "",
        session_id=case.session.pk if case.session else None,
        run_id=case.call.run_id,
        step_id=case.call.step_id,
        idem_key=case.call.idem_key,
        requester_id=case.call.requester_id,
        on_behalf_of=case.call.on_behalf_of[:200],
        purpose=case.call.purpose,
        trigger=plain(dict(case.call.trigger)),
        arguments=secret_free(plain(case.arguments)),
        facts=plain(facts_with_source(case)),
        claims=secret_free(plain(dict(case.call.claims))),
        used=plain(list(case.call.used)),
        intent_digest=case.intent_digest if case.agent else "",
        action_digest=case.action_digest,
        verdict=verdict,
        status=status,
        code=stop.code if stop else "",
        reasons=reasons_of(case, stop),
        obligations=list(judgement.obligations) if judgement else [],
        policy_versions=dict(judgement.policy_versions) if judgement else {},
        sampled_out=case.sampled_out,
        error=stop.sentence if stop else "",
    )
    if verdict == "allow" and case.connector is None:
        action.execute_by = moment + OWN_EXECUTION
    if verdict == "deny":
        action.settled_at = moment
    if case.by_policy and case.request:
        action.judged_id = policies.keep(
            case.request, case.by_policy, at=moment, stamp=case.read.stamp
        ).pk
    insert(action)
    return action


def tell(case: Case, action: Action, kind: str) -> None:
    record(
        type=f"action.{kind}",
        object=action,
        outcome={"allowed": "allowed", "denied": "denied", "review": "waiting"}[kind],
        reason=action.error or (action.reasons[0]["sentence"] if action.reasons else ""),
        after={
            "tool": action.tool_name,
            "intent_digest": action.intent_digest,
            "action_digest": action.action_digest,
            "facts": action.facts,
            "rules": [reason.get("rule_id", "") for reason in action.reasons],
            "sampled_out": action.sampled_out,
        },
        data_used=action.used,
        policy_versions=action.policy_versions,
        run_id=action.run_id,
        at=action.at,
    )


def reasons_of(case: Case, stop: Stopped | None) -> list[dict[str, Any]]:
    if stop is not None:
        return [{"kind": "gate", "rule_id": stop.code, "sentence": stop.sentence}]
    if case.judgement is None:
        return []
    return [
        {
            "kind": reason.kind,
            "rule_id": reason.rule_id,
            "policy": reason.policy,
            "version": reason.version,
            "sentence": reason.sentence,
        }
        for reason in case.judgement.reasons
    ]


def ask_people(
    case: Case,
    action: Action,
    *,
    supersedes: ApprovalRequest | None = None,
    changed: list[str] | None = None,
    edit: Edit | None = None,
    origin: str = Origin.GATE,
) -> ApprovalRequest:
    """Puts the question, with the evidence that the gate saw, and binds it to the digest."""
    if not (case.agent and case.judgement and case.preview):
        raise Stopped("gate_error", "The gate could not put the question.")
    return approvals.ask(
        agent=case.agent,
        action_ref=action.pk,
        tool=case.tool_name,
        intent_digest=action.intent_digest,
        action_digest=action.action_digest,
        title=case.preview.sentence[:200],
        summary=case.judgement.checkpoints[0].sentence,
        risk=risk_of(case, case.agent),
        asks=list(case.judgement.checkpoints),
        evidence={**evidence_of(case, action, changed or []), **told_by_edit(edit, supersedes)},
        requester_id=case.call.requester_id,
        supersedes=supersedes,
        sampling=case.draw.as_json(case.agent) if case.draw else None,
        origin=origin,
        tool_pin=case.tool.pin if case.tool else "",
        concerns=concerned_by(case),
        queue=case.freeze.queue if case.freeze else None,
    )


def told_by_edit(edit: Edit | None, supersedes: ApprovalRequest | None) -> dict[str, Any]:
    """What a person changed, for whoever decides on the edited call."""
    if edit is None or supersedes is None:
        return {}
    told = {
        "by": edit.editor_label,
        "reason": edit.reason,
        "tool_before": supersedes.tool,
        "tool": edit.tool,
        "before": edit.before,
        "after": edit.arguments,
    }
    return {"edit": plain(told)}


def concerned_by(case: Case) -> dict[str, list[str]]:
    """Whom the call is about, as its tool declares it."""
    if case.tool is None:
        return {}
    return concerns((case.tool.input_schema, case.tool.facts_schema), (case.arguments, case.facts))


def list_skipped(case: Case, action: Action) -> None:
    """What the draw let through unseen is listed for a later look."""
    drawn, judgement, preview = case.draw, case.judgement, case.preview
    if drawn is None or drawn.scope is None or judgement is None or preview is None:
        raise Stopped("gate_error", "The gate could not list what nobody sees.")
    approvals.note_skipped(
        action_ref=action.pk,
        scope=drawn.scope,
        queue_id=drawn.queue_id,
        agent_label=case.agent_label,
        title=preview.sentence,
        summary=judgement.checkpoints[0].sentence,
        evidence=evidence_of(case, action, []),
        percent=drawn.percent,
    )


def evidence_of(case: Case, action: Action, changed: list[str]) -> dict[str, Any]:
    preview = case.preview
    agent = case.agent
    evidence = {
        "judged_id": action.judged_id,
        "why": action.reasons,
        "will_happen": {
            "sentence": preview.sentence if preview else "",
            "before": preview.before if preview else {},
            "after": preview.after if preview else {},
            "reversible": bool(preview and preview.reversible),
            "reversible_until": preview.reversible_until if preview else None,
            "url": preview.url if preview else "",
        },
        "arguments": action.arguments,
        "facts": action.facts,
        "claims": action.claims,
        "trigger": action.trigger,
        "used": action.used,
        "agent": {
            "slug": agent.slug if agent else "",
            "label": case.agent_label,
            "owner": str(agent.owner) if agent else "",
        },
        "tool": {"name": case.tool_name, "effect": case.tool.effect if case.tool else ""},
        "resources": resources_of(case),
        "on_behalf_of": action.on_behalf_of,
        "run_id": action.run_id,
        "step_id": action.step_id,
        "purpose": action.purpose,
        "changed": changed,
    }
    if case.ceiling is not None:
        found = case.ceiling.process
        evidence["process"] = {"slug": found.slug, "name": found.name, "level": found.level}
    return plain(evidence)  # type: ignore[no-any-return]


def resources_of(case: Case) -> list[str]:
    """The records that the call touches, as the tool names them."""
    keys = case.tool.resource_keys if case.tool else []
    return [resource(key, case.arguments) for key in keys]


def move(action: Action, *, to: str, **fields: Any) -> None:
    """One guarded UPDATE. Raises LostLease when somebody else moved the action meanwhile."""
    come_from = [status for status, ends in ACTION_MOVES.items() if to in ends]
    rows = Action.objects.filter(pk=action.pk, status=action.status, status__in=come_from).update(
        status=to, **fields
    )
    if not rows:
        raise LostLease(f"The action is no longer {action.status}.")
    action.status = to
    for name, value in fields.items():
        setattr(action, name, value)


STATUS_OF = {
    ActionStatus.ALLOWED: "allowed",
    ActionStatus.WAITING: "waiting",
    ActionStatus.DENIED: "denied",
    ActionStatus.STALE: "denied",
    ActionStatus.REJECTED: "denied",
    ActionStatus.EXPIRED: "denied",
    ActionStatus.DONE: "done",
    ActionStatus.UNDONE: "done",
    ActionStatus.FAILED: "failed",
    ActionStatus.EXECUTING: "retry",
    ActionStatus.IN_DOUBT: "in_doubt",
}


def outcome_of(action: Action, **changes: Any) -> Outcome:
    """The answer that the row stands for, told again to whoever asks again."""
    fields: dict[str, Any] = {
        "action_id": action.pk,
        "verdict": action.verdict,
        "status": STATUS_OF[ActionStatus(action.status)],
        "result": action.result,
        "error": action.error,
        "code": action.code,
        "approval_id": action.approval_id,
        "reasons": tuple(action.reasons),
        "action": action,
    }
    return Outcome(**{**fields, **changes})


def moment_from(text: str | None) -> dt.datetime | None:
    return parse_datetime(text) if text else None
