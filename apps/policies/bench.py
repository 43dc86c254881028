"""Judging with a set of rules that is not in force: test cases, backtests, shadows.

The permission is taken for granted on both sides of every comparison: what is compared is what the
guardrails do, and a grant that ended meanwhile is no flip.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cedarpy

from apps.policies.models import PolicyVersion
from apps.policies.rules import Answer, Judgement, Rule, decide, refused
from apps.policies.schema import Unrepresentable
from apps.policies.snapshot import Slice, answer_from, keeper, slice_of
from apps.policies.states import EVALUATED
from apps.policies.text import Compiled, binds, compile_text, concerns, parsed
from apps.registry.models import Tool
from apps.registry.rules import ToolSpec

ASSUMED = Compiled(
    Rule("assumed", "assumed", "grants", 0, "permit", "The permission is taken for granted."),
    parsed("permit (principal, action, resource);"),
)
Key = tuple[str, str, tuple[str, ...]]


def specs() -> dict[str, ToolSpec]:
    return {tool.name: tool.spec for tool in Tool.objects.order_by("name")}


def rules_in_force(*, without: str = "") -> list[Compiled]:
    """Every rule in force, but those of one policy."""
    found: list[Compiled] = []
    rows = PolicyVersion.objects.filter(status__in=EVALUATED).select_related("policy")
    for row in rows.order_by("policy__slug"):
        if row.policy.slug != without:
            found += compile_text(
                row.text, policy=row.policy.slug, version=row.number, keep=keeper(row.status)
            )
    return found


def rules_with(version: PolicyVersion) -> list[Compiled]:
    """What would be in force if this version were."""
    slug = version.policy.slug
    return rules_in_force(without=slug) + compile_text(
        version.text, policy=slug, version=version.number
    )


@dataclass
class Bench:
    """A set of rules that can judge recorded requests, sliced as the gate slices."""

    rules: Sequence[Compiled]
    specs: Mapping[str, ToolSpec]
    slices: dict[Key, Slice] = field(default_factory=dict)

    def slice(self, key: Key) -> Slice:
        found = self.slices.get(key)
        if found is None:
            tool, agent, roles = key
            found = self.slices[key] = slice_of(
                self.specs[tool], agent, roles, [*self.chosen(key), ASSUMED]
            )
        return found

    def chosen(self, key: Key) -> list[Compiled]:
        tool, agent, roles = key
        effect = self.specs[tool].effect
        return [
            each
            for each in self.rules
            if concerns(each.source, tool=tool, groups={effect})
            and binds(each.source, agent=agent, roles=set(roles))
        ]

    def judge(self, request: Mapping[str, Any]) -> Judgement:
        """One request in its recorded form: {agent, roles, tool, context}. Never raises."""
        return next(iter(self.judge_all([request])))

    def judge_all(self, requests: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        """Many at once: one call of Cedar per slice, a further one for each that would wait."""
        groups: dict[Key, list[int]] = defaultdict(list)
        found: list[Judgement] = [UNKNOWN] * len(requests)
        for index, request in enumerate(requests):
            if request.get("tool") in self.specs:
                groups[key_of(request)].append(index)
        for key, indexes in groups.items():
            verdicts = self.judge_slice(key, [requests[i] for i in indexes])
            for index, verdict in zip(indexes, verdicts, strict=True):
                found[index] = verdict
        return found

    def judge_slice(self, key: Key, requests: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        try:
            cut = self.slice(key)
            contexts = [context_of(cut, request) for request in requests]
            answers = ask(cut, key, map(json.dumps, contexts))
        except (Unrepresentable, ValueError) as error:
            if len(requests) == 1:
                return [refused(str(error), (str(error),))]
            return [self.judge_slice(key, [request])[0] for request in requests]
        return [
            decide(Replay(cut, key, context, answer), cut.rules, context.get("approvals", ()))
            for context, answer in zip(contexts, answers, strict=True)
        ]


UNKNOWN = refused("The tool is not registered any more.")


def key_of(request: Mapping[str, Any]) -> Key:
    return request["tool"], request.get("agent", ""), tuple(request.get("roles", ()))


def context_of(cut: Slice, request: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cut.ready(request.get("context", {}))
    return found


def ask(cut: Slice, key: Key, contexts: Iterable[str]) -> list[Answer]:
    tool, agent, _roles = key
    asked = [
        {
            "principal": {"type": "Agent", "id": agent},
            "action": {"type": "Action", "id": tool},
            "resource": {"type": "Tool", "id": tool},
            "context": context,
        }
        for context in contexts
    ]
    results = cedarpy.is_authorized_batch(asked, cut.policies, cut.entities, cut.schema)
    return [answer_from(result) for result in results]


@dataclass
class Replay:
    """Answers `decide`: the first time from the batch, then by asking again."""

    cut: Slice
    key: Key
    context: Mapping[str, Any]
    first: Answer | None

    def __call__(self, approvals: Sequence[str]) -> Answer:
        if self.first is not None:
            answer, self.first = self.first, None
            return answer
        context = json.dumps({**self.context, "approvals": list(approvals)})
        return ask(self.cut, self.key, [context])[0]
