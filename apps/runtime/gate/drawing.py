"""Whether people see an action of a sampled checkpoint: by lot, by novelty, by consent given
beforehand, by a freeze, and never less than the readiness of the process asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from apps.approvals import levels
from apps.approvals import queries as approvals
from apps.approvals.ceilings import READINESS
from apps.approvals.models import Checkpoint
from apps.approvals.queries import Ceiling
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent
from apps.runtime import sampling
from apps.runtime.gate.case import Case, Draw
from apps.runtime.rules import Stopped

RISKS = ("low", "medium", "high", "critical")


def sample(case: Case) -> None:
    """A sampled checkpoint that the draw does not select, or for which consent was given
    beforehand, is let through and listed for review; in a freeze nothing is."""
    if case.judgement is None:
        return
    names = [ask.name for ask in case.judgement.checkpoints]
    if names == [READINESS]:
        return
    known, consented, frozen = approvals.checkpoints_at(
        names, agent_id=case.agent_id, tool=case.tool_name, at=case.read.moment
    )
    if missing := sorted(set(names) - set(known)):
        raise Stopped(
            "no_checkpoint", f"The policy asks for a checkpoint that does not exist: {missing[0]}."
        )
    asks = case.judgement.checkpoints
    hard = any(not ask.sampled or known[ask.name].hard for ask in asks)
    if hard or case.agent is None or case.always_ask:
        return
    draw(case, case.agent, asks, known)
    if consented and not case.sampled_out and not held_down(case, asks):
        consent_beforehand(case, case.agent, asks)
    if frozen and case.passes:
        freeze(case)


def drawn(case: Case, percents: Mapping[str, int]) -> list[str]:
    return [
        name for name, rate in percents.items() if sampling.selected(name, case.intent_digest, rate)
    ]


def held_down(case: Case, asks: Sequence[CheckpointAsk]) -> bool:
    """Whether the process's level has people see it, whatever was consented to beforehand."""
    over = case.ceiling
    if over is None or not over.floor or not drawn(case, {ask.name: over.floor for ask in asks}):
        return False
    tell_ceiling(case, over)
    return True


def tell_ceiling(case: Case, over: Ceiling) -> None:
    reason = over.reason(over.asked)
    if case.judgement is not None and reason not in case.judgement.reasons:
        case.judgement = replace(case.judgement, reasons=(*case.judgement.reasons, reason))


def consent_beforehand(case: Case, agent: Agent, asks: Sequence[CheckpointAsk]) -> None:
    """A standing approval that covers this very call lets it through."""
    if case.tool is not None:
        case.standing_id = approvals.standing_for(
            agent=agent,
            tool=case.tool,
            risk=risk_of(case, agent),
            asks=asks,
            arguments=case.arguments,
            at=case.read.moment,
        )


def freeze(case: Case) -> None:
    """In a freeze nothing passes by itself: what would have is put to the freeze's own people."""
    case.freeze = approvals.freeze_at(tool=case.tool_name, at=case.read.moment)
    if case.freeze is not None:
        case.sampled_out, case.standing_id = False, None


def draw(
    case: Case, agent: Agent, asks: Sequence[CheckpointAsk], known: Mapping[str, Checkpoint]
) -> None:
    """The share is what the scope has earned, and never less than the rule's own or what the
    readiness of the process asks for. What people have rarely seen is never skipped, and the draw
    is the intent's, so it is not drawn again."""
    risk = risk_of(case, agent)
    scope = approvals.scope_at(agent, case.tool_name, risk, case.read.registry.stamp)
    earned = approvals.percent_of(scope, risk)
    percents = {ask.name: max(known[ask.name].rate, earned) for ask in asks}
    if (over := case.ceiling) is not None and over.floor:
        bound = {name: max(rate, over.floor) for name, rate in percents.items()}
        if drawn(case, bound) and not drawn(case, percents):
            tell_ceiling(case, over)
        percents = bound
    selected = drawn(case, percents)
    traits = traits_of(case)
    novel = approvals.novelties(scope, traits) if scope is not None and not selected else []
    case.draw = Draw(
        queue_id=known[asks[0].name].queue_id,
        scope=scope,
        percent=max(percents.values()),
        random=bool(selected),
        traits=tuple(sorted(traits)),
        novel=tuple(novel),
    )
    case.sampled_out = not selected and not novel and scope is not None


def traits_of(case: Case) -> frozenset[str]:
    schemas_of = (case.tool.input_schema, case.tool.facts_schema) if case.tool else ({}, {})
    asked, known = schemas_of
    return levels.traits(case.arguments, asked, "args") | levels.traits(case.facts, known, "facts")


def risk_of(case: Case, agent: Agent) -> str:
    """The agent's tier, and never below high for what cannot be undone."""
    irreversible = case.tool is not None and case.tool.effect == "irreversible"
    floor = "high" if irreversible else "low"
    return max(agent.risk_tier, floor, key=RISKS.index)
