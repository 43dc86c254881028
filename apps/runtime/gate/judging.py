"""The gate's checks, in order, and the judgement of the policies with what may only tighten it:
barriers of incidents, and the readiness of the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from apps.approvals import queries as approvals
from apps.approvals.ceilings import READINESS
from apps.policies import services as policies
from apps.policies.rules import CONTAINMENT, CheckpointAsk, Judgement, JudgementRequest, Reason
from apps.registry import directory
from apps.registry import queries as registry
from apps.registry.models import Agent
from apps.registry.rules import Bar
from apps.registry.states import BarrierMeasure
from apps.runtime import connectors, limits, sampling, schemas
from apps.runtime.gate.case import Case
from apps.runtime.gate.drawing import sample
from apps.runtime.gate.reading import pace_of, session_name
from apps.runtime.models import Session
from apps.runtime.rules import Stopped
from apps.runtime.toolbox import Preview, Rejected, Unavailable


def examine(case: Case) -> None:
    """Runs every check before the record, in order. Raises Stopped with the gate's own no."""
    in_standing(case)
    permitted(case)
    uncontained(case)
    unchanged(case)
    schemas.check_input(case.tool, case.arguments)
    if case.read.limited:
        case.budgets = limits.check(case.agent, case.tool, case.call, case.read.moment)
    learn_facts(case)
    case.session = session_of(case)
    judge(case)
    only_observed(case)
    foresee(case)


def in_standing(case: Case) -> None:
    standing = registry.standing(case.agent_id, case.call.credential_id, case.read.registry)
    case.agent = standing.agent
    if not standing.ok or case.agent is None:
        raise Stopped(standing.code or "not_in_standing", standing.sentence)
    case.scopes = standing.scopes


def permitted(case: Case) -> None:
    known = directory.at(case.read.registry.stamp)
    case.tool = known.tool(case.tool_name)
    if case.tool is None:
        raise Stopped("unknown_tool", f"There is no tool named {case.tool_name}.")
    if case.tool.status != "active":
        raise Stopped("tool_suspended", f"{case.tool_name} is suspended.")
    if case.scopes and case.tool_name not in case.scopes:
        raise Stopped("out_of_scope", f"This credential may not be used for {case.tool_name}.")
    if not known.permitted(case.agent_id, case.tool_name, case.read.registry.moment):
        raise Stopped("no_grant", f"{case.agent_label} has no permission for {case.tool_name}.")
    named = known.processes(case.agent_id, case.tool_name, case.read.registry.moment)
    case.ceiling = approvals.ceiling_over(
        [case.call.process, *named], case.tool.effect, case.read.readiness
    )


def uncontained(case: Case) -> None:
    """What a responder to an incident has stopped does not pass; what was put before people is
    remembered for after the judgement."""
    for bar in bars(case):
        if bar.policy:
            continue
        if bar.measure == BarrierMeasure.STOP:
            raise Stopped("contained", f"Stopped by {bar.by}: {bar.reason}")
        if bar.measure == BarrierMeasure.ASK:
            case.asked_by = bar


def bars(case: Case) -> list[Bar]:
    known = directory.at(case.read.registry.stamp).bars()
    people = (case.call.on_behalf_of, str(case.call.requester_id))
    return [
        bar
        for bar in known
        if bar.stands(case.read.moment)
        and bar.concerns(
            agent_id=case.agent_id,
            tool=case.tool_name,
            workflow=case.call.workflow,
            people=people,
        )
    ]


def unchanged(case: Case) -> None:
    """The tool that acts must be the tool that was registered, to the letter."""
    if case.tool is None or case.tool.executor != "connector":
        return
    case.connector = connectors.connector_for(case.tool_name)
    if connectors.pin(case.tool_name) != case.tool.pin:
        raise Stopped(
            "pin_changed", f"{case.tool_name} is no longer what was registered; review it first."
        )


def learn_facts(case: Case) -> None:
    """What the organisation knows about the records touched. A fact that cannot be had is absent,
    and a rule that needs it closes."""
    if case.connector is None:
        if case.tool is not None:
            case.source = "reference lists"
            known = directory.at(case.read.registry.stamp)
            case.facts = dict(registry.reference_facts(case.tool, case.arguments, known))
        return
    case.source = case.connector.source(case.tool_name)
    try:
        case.facts = case.connector.facts(case.tool_name, case.arguments)
    except Unavailable as error:
        raise Stopped("facts_unavailable", error.sentence, error.retry_after) from error
    except Rejected as error:
        raise Stopped("rejected", error.sentence) from error


def session_of(case: Case) -> Session | None:
    """The agent's task: outside agents name theirs, a run is one by itself. It is the agent's own:
    another agent that sends the same name gets another session."""
    name = session_name(case.call)
    if not name:
        return None
    found = case.read.session
    if found is None:
        found, _ = Session.objects.get_or_create(
            agent_id=case.agent_id,
            external_id=name,
            defaults={"credential_id": case.call.credential_id, "opened_at": case.read.moment},
        )
    known = directory.at(case.read.registry.stamp)
    if not known.succeeds(case.call.credential_id, found.credential_id):
        raise Stopped("not_your_session", "This session belongs to another credential.")
    return found


def judge(case: Case) -> None:
    if case.agent is None:
        raise Stopped("not_in_standing", "There is no such agent.")
    case.request = JudgementRequest(
        agent=case.agent.slug,
        agent_roles=tuple(case.agent.roles),
        tool=case.tool_name,
        context=context_of(case, case.agent),
    )
    case.judgement = case.by_policy = policies.judge(case.request, stamp=case.read.stamp)
    if (bar := asking_bar(case, case.judgement)) is not None:
        case.always_ask = True
        case.judgement = asked_besides(case.judgement, bar, case.approvals)
    case.judgement = bounded(case, case.judgement)
    if case.judgement.effect == "review":
        sample(case)


def asking_bar(case: Case, judgement: Judgement) -> Bar | None:
    """The barrier that puts this action before people, whatever the policies say."""
    if case.asked_by is not None:
        return case.asked_by
    allowing = {reason.policy for reason in judgement.reasons if reason.kind == "permit"}
    return next((bar for bar in bars(case) if bar.policy and bar.policy in allowing), None)


def asked_besides(judgement: Judgement, bar: Bar, approvals: Sequence[str]) -> Judgement:
    """An allow becomes a question at the barrier's checkpoint, until it has been answered there;
    a deny stays one."""
    if judgement.effect != "allow" or bar.checkpoint in approvals:
        return judgement
    sentence = f"{bar.by} has people see every action like this: {bar.reason}"
    reason = Reason(f"no-{bar.number}", CONTAINMENT, bar.number, sentence, "checkpoint")
    ask = CheckpointAsk(bar.checkpoint, 1, 0, False, reason.rule_id, sentence)
    return replace(judgement, effect="review", reasons=(reason,), checkpoints=(ask,))


def bounded(case: Case, judgement: Judgement) -> Judgement:
    """What would pass by itself in a process that is not ready is put to people, all of it or a
    drawn share, unless people have decided on it already. A no or a question stays what it is."""
    over = case.ceiling
    if over is None or not over.floor or judgement.effect != "allow" or case.approvals:
        return judgement
    if not sampling.selected(READINESS, case.intent_digest, over.floor):
        return replace(judgement, reasons=(*judgement.reasons, over.reason(over.not_drawn)))
    reason = over.reason(over.asked)
    ask = CheckpointAsk(READINESS, 1, 0, False, reason.rule_id, reason.sentence)
    return replace(judgement, effect="review", reasons=(reason,), checkpoints=(ask,))


def only_observed(case: Case) -> None:
    """Where a process is not ready at all, nothing is changed, whatever the policies allow."""
    over = case.ceiling
    if over is None or over.floor is not None:
        return
    if case.judgement is None or case.judgement.effect != "deny":
        raise Stopped(READINESS, over.refused)


def context_of(case: Case, agent: Agent) -> dict[str, Any]:
    session = case.session
    context: dict[str, Any] = {
        "args": case.arguments,
        "facts": case.facts,
        "claims": dict(case.call.claims),
        "session": {
            "identified": bool(session and session.identified),
            "untrusted_read": bool(session and session.untrusted_read),
            "actions": session.actions if session else 0,
        },
        "agent": {
            "slug": agent.slug,
            "version": agent.version,
            "risk_tier": agent.risk_tier,
            "environment": agent.environment,
            "department": agent.sponsor.slug,
            "data_classes": list(agent.data_classes),
            **pace(case),
        },
        "approvals": list(case.approvals),
        "now": case.read.moment,
    }
    if case.ceiling is not None:
        found = case.ceiling.process
        context["process"] = {"slug": found.slug, "level": found.level}
    if case.call.on_behalf_of:
        context["on_behalf_of"] = case.call.on_behalf_of
    return context


def pace(case: Case) -> dict[str, int]:
    """What the agent has done lately, this action not counted; only where a rule reads it."""
    found = case.read.pace
    if found is None and policies.paced(case.read.stamp):
        found = pace_of(case.agent_id)
    return dict(zip(("actions_last_hour", "actions_last_day"), found, strict=True)) if found else {}


def foresee(case: Case) -> None:
    """What would happen, for the person who decides; it is also what the approval is bound to."""
    if case.judgement is None or case.judgement.effect != "review":
        return
    if case.connector is None:
        case.preview = Preview(
            sentence=f"{case.agent_label} calls {case.tool_name} itself.",
            after=dict(case.arguments),
        )
        return
    try:
        case.preview = case.connector.preview(case.tool_name, case.arguments)
    except Unavailable as error:
        raise Stopped("facts_unavailable", error.sentence, error.retry_after) from error
    except Rejected as error:
        raise Stopped("rejected", error.sentence) from error
