"""What is in force at this moment, parsed once per stamp and sliced by tool and agent."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cedarpy
from django.db import DEFAULT_DB_ALIAS, connection

from apps.common.canonical import digest
from apps.policies.grants import permit_for
from apps.policies.models import PolicyVersion
from apps.policies.rules import Answer, JudgementRequest, Rule
from apps.policies.schema import Convert, context_converter, entities_of, schema_of
from apps.policies.states import EVALUATED, VersionStatus
from apps.policies.text import Compiled, binds, compile_text, concerns
from apps.registry.models import Grant, Tool
from apps.registry.rules import ToolSpec

MOST_SLICES = 4_096
# What an agent has done lately is counted only while a rule, in force or in shadow, reads it.
PACE = "actions_last_"
_STAMPS = (
    "SELECT (SELECT number FROM policies_policystamp WHERE id = 1),"
    " (SELECT number FROM registry_registrystamp WHERE id = 1)"
)
Stamp = tuple[int, int]


DECISIONS = {cedarpy.Decision.Allow: "allow", cedarpy.Decision.Deny: "deny"}


def answer_from(result: cedarpy.AuthzResult) -> Answer:
    diagnostics = result.diagnostics
    errors = tuple(map(str, diagnostics.errors))
    return Answer(DECISIONS.get(result.decision, "none"), tuple(diagnostics.reasons), errors)


@dataclass
class Slice:
    """The rules that can matter for one tool and one agent, with Cedar's parsed handles."""

    policies: cedarpy.PolicySet
    entities: cedarpy.Entities
    schema: cedarpy.Schema
    ready: Convert
    rules: dict[str, Rule]
    required_facts: frozenset[str]

    def ask(self, request: JudgementRequest, approvals: Sequence[str]) -> Answer:
        context = json.dumps(self.ready({**request.context, "approvals": list(approvals)}))
        result = cedarpy.is_authorized(
            {
                "principal": {"type": "Agent", "id": request.agent},
                "action": {"type": "Action", "id": request.tool},
                "resource": {"type": "Tool", "id": request.tool},
                "context": context,
            },
            self.policies,
            self.entities,
            self.schema,
        )
        return answer_from(result)


@dataclass
class Snapshot:
    """One reading of the database; replaced as a whole when a stamp moves."""

    stamp: Stamp
    rules: list[Compiled]
    permits: dict[tuple[str, str], list[Compiled]]
    specs: dict[str, ToolSpec]
    versions: dict[str, int]
    digest: str
    paced: bool
    slices: OrderedDict[tuple[str, str, tuple[str, ...]], Slice] = field(
        default_factory=OrderedDict
    )

    def slice(self, tool: str, agent: str, roles: tuple[str, ...]) -> Slice:
        key = (tool, agent, roles)
        found = self.slices.get(key)
        if found is None:
            found = self.slices[key] = self.cut(tool, agent, roles)
            if len(self.slices) > MOST_SLICES:
                self.slices.popitem(last=False)
        return found

    def cut(self, tool: str, agent: str, roles: tuple[str, ...]) -> Slice:
        spec = self.specs[tool]
        chosen = [
            compiled
            for compiled in self.rules
            if concerns(compiled.source, tool=tool, groups={spec.effect})
            and binds(compiled.source, agent=agent, roles=set(roles))
        ]
        chosen += self.permits.get((tool, agent), [])
        return slice_of(spec, agent, roles, chosen)


def slice_of(
    spec: ToolSpec, agent: str, roles: tuple[str, ...], chosen: Sequence[Compiled]
) -> Slice:
    sources = {compiled.rule.key: compiled.source for compiled in chosen}
    text = json.dumps({"staticPolicies": sources, "templates": {}, "templateLinks": []})
    return Slice(
        policies=cedarpy.PolicySet.from_json_str(text),
        entities=entities_of(spec, agent, roles),
        schema=schema_of([spec]),
        ready=context_converter(spec),
        rules={compiled.rule.key: compiled.rule for compiled in chosen},
        required_facts=frozenset(spec.facts_schema.get("required", ())),
    )


_held: dict[str, Snapshot] = {}


def current(stamp: Stamp | None = None) -> Snapshot:
    """The snapshot in force; a moved stamp is noticed by reading two numbers in one query."""
    stamp = stamp or read_stamp()
    held = _held.get(DEFAULT_DB_ALIAS)
    if held is None or held.stamp != stamp:
        held = _held[DEFAULT_DB_ALIAS] = load(stamp)
    return held


def forget() -> None:
    """Drops what this process holds (tests that rebuild the database under it)."""
    _held.clear()


def read_stamp() -> Stamp:
    with connection.cursor() as cursor:
        cursor.execute(_STAMPS)
        policies, registry = cursor.fetchone()
    return policies or 0, registry or 0


def load(stamp: Stamp) -> Snapshot:
    rules: list[Compiled] = []
    versions: dict[str, int] = {}
    digests: dict[str, str] = {}
    for version in PolicyVersion.objects.filter(status__in=EVALUATED).select_related("policy"):
        slug = version.policy.slug
        rules += compile_text(
            version.text, policy=slug, version=version.number, keep=keeper(version.status)
        )
        versions[slug] = version.number
        digests[slug] = version.digest
    return Snapshot(
        stamp=stamp,
        rules=rules,
        permits=permits(),
        specs={tool.name: tool.spec for tool in Tool.objects.all()},
        versions=versions,
        digest=digest(digests),
        paced=any(PACE in json.dumps(each.source) for each in rules) or shadows_paced(),
    )


def shadows_paced() -> bool:
    return PolicyVersion.objects.filter(shadow_since__isnull=False, text__contains=PACE).exists()


def paced_lately() -> bool:
    """Whether a rule that this process knows of reads how much an agent has done lately."""
    held = _held.get(DEFAULT_DB_ALIAS)
    return held is not None and held.paced


def keeper(status: str) -> Any:
    """A suspended version keeps its forbids and loses its permits."""
    if status == VersionStatus.SUSPENDED:
        return lambda effect: effect == "forbid"
    return lambda effect: True


def permits() -> dict[tuple[str, str], list[Compiled]]:
    found: dict[tuple[str, str], list[Compiled]] = {}
    grants = Grant.objects.filter(revoked_at__isnull=True).select_related("agent", "tool")
    for grant in grants:
        compiled = permit_for(
            grant_id=grant.pk,
            agent=grant.agent.slug,
            tool=grant.tool.name,
            scope=grant.scope,
            expires_at=grant.expires_at,
        )
        found.setdefault((grant.tool.name, grant.agent.slug), []).append(compiled)
    return found


def versions_named(rules: Mapping[str, Rule], keys: Sequence[str]) -> dict[str, int]:
    return {rules[key].policy: rules[key].version for key in keys if key in rules}
