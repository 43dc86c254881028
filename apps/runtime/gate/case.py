"""The case that the gate examines: what was asked, by whom, and what the organisation knows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.db import connection

from apps.approvals import levels
from apps.approvals import queries as approvals
from apps.approvals.models import Checkpoint, Freeze, Scope
from apps.common.canonical import digest
from apps.common.rows import run
from apps.policies import services as policies
from apps.policies.rules import CONTAINMENT, CheckpointAsk, Judgement, JudgementRequest, Reason
from apps.registry import directory
from apps.registry import queries as registry
from apps.registry.models import Agent, Tool
from apps.registry.rules import Bar
from apps.registry.states import BarrierMeasure
from apps.runtime import connectors, limits, sampling, schemas
from apps.runtime.gate.reading import Reading, pace_of, read, session_name
from apps.runtime.models import Budget, Session
from apps.runtime.rules import CallContext, Stopped, binding, intent
from apps.runtime.toolbox import Connector, Preview, Rejected, Unavailable

log = logging.getLogger(__name__)
RISKS = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Draw:
    """Why people see an action of a sampled checkpoint, or do not: `random` says that the draw
    alone (or full review) decided it, so that what they find is evidence."""

    queue_id: int
    scope: Scope | None
    percent: int
    random: bool
    traits: tuple[str, ...]
    novel: tuple[str, ...] = ()

    def as_json(self, agent: Agent) -> dict[str, Any]:
        return {
            "agent_version": agent.version,
            "percent": self.percent,
            "random": self.random,
            "traits": list(self.traits),
            "novel": list(self.novel),
        }


@dataclass
class Case:
    """Filled in by `examine`, in the gate's order; a failed check leaves the later fields empty."""

    agent_id: int
    tool_name: str
    arguments: dict[str, Any]
    call: CallContext
    approvals: tuple[str, ...] = ()
    reading: Reading | None = None
    agent: Agent | None = None
    tool: Tool | None = None
    connector: Connector | None = None
    session: Session | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    preview: Preview | None = None
    judgement: Judgement | None = None
    request: JudgementRequest | None = None
    scopes: tuple[str, ...] = ()
    sampled_out: bool = False
    budgets: list[Budget] = field(default_factory=list)
    draw: Draw | None = None
    # A person had it in hand already: no lot is drawn, and no standing approval is used.
    always_ask: bool = False
    standing_id: int | None = None
    freeze: Freeze | None = None
    # What the policies alone said, where a barrier has asked for more.
    by_policy: Judgement | None = None
    # The barrier of an incident by which people see an action that would pass by itself.
    asked_by: Bar | None = None

    @property
    def passes(self) -> bool:
        """Whether a checkpoint lets it through without a person: by lot, or by consent given
        beforehand."""
        return self.sampled_out or self.standing_id is not None

    @property
    def agent_label(self) -> str:
        return self.agent.label if self.agent else f"agent {self.agent_id}"

    @property
    def wish(self) -> dict[str, Any]:
        slug = self.agent.slug if self.agent else ""
        return intent(slug, self.call.on_behalf_of, self.tool_name, self.arguments)

    @cached_property
    def intent_digest(self) -> str:
        return digest(self.wish)

    @property
    def read(self) -> Reading:
        """What the database said at the gate's door."""
        if self.reading is None:
            self.reading = read(
                agent_id=self.agent_id, tool=self.tool_name, call=self.call,
            )  # fmt: skip
        return self.reading

    @property
    def action_digest(self) -> str:
        """What an approval is bound to; see `rules.binding`."""
        if not (self.agent and self.tool and self.judgement):
            return ""
        target = (
            {"before": self.preview.before, "after": self.preview.after} if self.preview else {}
        )
        return digest(
            binding(
                self.wish,
                agent_version=self.agent.version,
                tool_pin=self.tool.pin,
                target=target,
                rules=self.asking_rules,
            )
        )

    @property
    def asking_rules(self) -> list[str]:
        if not self.judgement:
            return []
        asked = {ask.rule_id for ask in self.judgement.checkpoints}
        return [
            f"{reason.policy}@{reason.version}#{reason.rule_id}"
            for reason in self.judgement.reasons
            if reason.rule_id in asked
        ]


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


def count_action(case: Case) -> None:
    if case.session is not None:
        table = Session._meta.db_table
        pk = Session._meta.pk.get_db_prep_value(case.session.pk, connection)
        run(f"UPDATE {table} SET actions = actions + 1 WHERE id = %s", [pk])  # noqa: S608


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
    if case.call.on_behalf_of:
        context["on_behalf_of"] = case.call.on_behalf_of
    return context


def pace(case: Case) -> dict[str, int]:
    """What the agent has done lately, this action not counted; only where a rule reads it."""
    found = case.read.pace
    if found is None and policies.paced(case.read.stamp):
        found = pace_of(case.agent_id)
    return dict(zip(("actions_last_hour", "actions_last_day"), found, strict=True)) if found else {}


def sample(case: Case) -> None:
    """A sampled checkpoint that the draw does not select, or for which consent was given
    beforehand, is let through and listed for review; in a freeze nothing is."""
    if case.judgement is None:
        return
    names = [ask.name for ask in case.judgement.checkpoints]
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
    if consented and not case.sampled_out:
        consent_beforehand(case, case.agent, asks)
    if frozen and case.passes:
        freeze(case)


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
    """The share is what the scope has earned, and never less than the rule's own. What people
    have rarely seen is never skipped, and the draw is the intent's, so it is not drawn again."""
    risk = risk_of(case, agent)
    scope = approvals.scope_at(agent, case.tool_name, risk, case.read.registry.stamp)
    earned = approvals.percent_of(scope, risk)
    percents = {ask.name: max(known[ask.name].rate, earned) for ask in asks}
    selected = [
        name for name, rate in percents.items() if sampling.selected(name, case.intent_digest, rate)
    ]
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


def facts_with_source(case: Case) -> dict[str, Mapping[str, Any]]:
    return {name: {"value": value, "source": case.source} for name, value in case.facts.items()}
