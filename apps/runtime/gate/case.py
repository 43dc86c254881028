"""The case that the gate examines: what was asked, by whom, and what the organisation knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import connection

from apps.approvals.models import Freeze, Scope
from apps.approvals.queries import Ceiling
from apps.common.canonical import digest
from apps.common.rows import run
from apps.policies.rules import Judgement, JudgementRequest
from apps.registry.models import Agent, Tool
from apps.registry.rules import Bar
from apps.runtime.gate.reading import Reading, read
from apps.runtime.models import Budget, Session
from apps.runtime.rules import CallContext, binding, intent
from apps.runtime.toolbox import Connector, Preview


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
    # How far the readiness of the process lets agents go; None where no process is named.
    ceiling: Ceiling | None = None

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


def count_action(case: Case) -> None:
    if case.session is not None:
        table = Session._meta.db_table
        pk = Session._meta.pk.get_db_prep_value(case.session.pk, connection)
        run(f"UPDATE {table} SET actions = actions + 1 WHERE id = %s", [pk])  # noqa: S608


def facts_with_source(case: Case) -> dict[str, Mapping[str, Any]]:
    return {name: {"value": value, "source": case.source} for name, value in case.facts.items()}
