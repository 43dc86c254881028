from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, Q

from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now
from apps.common.errors import Absent
from apps.policies.builder import attributes_of
from apps.policies.models import (
    Backtest,
    BacktestFlip,
    JudgedRequest,
    Policy,
    PolicyVersion,
    ShadowFlip,
)
from apps.policies.states import VersionStatus
from apps.policies.text import Compiled, compile_text
from apps.registry.models import Agent, Tool
from apps.registry.states import ToolStatus

COUNTED = 5_000


@dataclass(frozen=True)
class PolicyRow:
    """A policy for the list: what is in force, what is drafted, and what it did lately."""

    policy: Policy
    in_force: PolicyVersion | None
    draft: PolicyVersion | None
    blocked: int
    asked: int


def policies(reader: User) -> list[PolicyRow]:
    if not holds(reader, "policies.view"):
        return []
    shown = PolicyVersion.objects.exclude(status=VersionStatus.SUPERSEDED)
    found = Policy.objects.select_related("owner").prefetch_related(
        Prefetch("versions", queryset=shown, to_attr="live")
    )
    counts = hits()
    return [row_of(policy, counts) for policy in found.order_by("title")]


def row_of(policy: Policy, counts: Counter[tuple[str, str]]) -> PolicyRow:
    live: list[PolicyVersion] = policy.live  # type: ignore[attr-defined]
    evaluated = (VersionStatus.IN_FORCE, VersionStatus.SUSPENDED)
    return PolicyRow(
        policy=policy,
        in_force=next((version for version in live if version.status in evaluated), None),
        draft=next((version for version in live if version.status == VersionStatus.DRAFT), None),
        blocked=counts["deny", policy.slug],
        asked=counts["review", policy.slug],
    )


def hits(days: int = 30) -> Counter[tuple[str, str]]:
    """How often each policy blocked or asked, over the newest judged requests of the window; the
    number read is bounded, so the page does not slow with age."""
    since = now() - dt.timedelta(days=days)
    counts: Counter[tuple[str, str]] = Counter()
    for effect in ("deny", "review"):
        rows = JudgedRequest.objects.filter(effect=effect, at__gte=since).order_by("-at", "-pk")
        for rules in rows.values_list("rules", flat=True)[:COUNTED]:
            counts.update({(effect, rule.split("@")[0]) for rule in rules})
    return counts


def policy(reader: User, slug: str) -> Policy:
    found = Policy.objects.filter(slug=slug).first() if holds(reader, "policies.view") else None
    if found is None:
        raise Absent
    return found  # type: ignore[no-any-return]


def versions(policy: Policy) -> list[PolicyVersion]:
    return list(policy.versions.order_by("-number"))


def version(policy: Policy, number: int) -> PolicyVersion:
    found = policy.versions.filter(number=number).first()
    if found is None:
        raise Absent
    found.policy = policy
    return found


def rules_of(version: PolicyVersion) -> list[Compiled]:
    return compile_text(version.text, policy=version.policy.slug, version=version.number)


def idle_tools(rules: Iterable[Compiled]) -> dict[str, str]:
    """Rules about one tool that no agent can use: rule id → why. They stay in force and decide
    nothing until the tool is there again."""
    names = {
        rule.rule.rule_id: rule.source["action"]["entity"]["id"]
        for rule in rules
        if rule.source["action"]["op"] == "=="
    }
    known = dict(Tool.objects.filter(name__in=names.values()).values_list("name", "status"))
    return {
        rule_id: "not registered" if name not in known else "suspended"
        for rule_id, name in names.items()
        if known.get(name) != ToolStatus.ACTIVE
    }


FLIPS = 100
ANNOTATIONS = ("id", "reason", "checkpoint", "approvers", "within", "obligation")


def newest_text(policy: Policy) -> str:
    """The text to go on from: the draft, or the newest version; "" for a policy without one."""
    newest = policy.versions.order_by("-number").first()
    return newest.text if newest else ""


def draft_of(policy: Policy) -> PolicyVersion | None:
    found: PolicyVersion | None = policy.versions.filter(status=VersionStatus.DRAFT).first()
    return found


def backtests(version: PolicyVersion) -> list[Backtest]:
    return list(version.backtests.order_by("-created_at")[:10])


def flips(backtest: Backtest, pair: str = "", after: str = "") -> list[BacktestFlip]:
    """Flips, those that block first, a page at a time by key."""
    rows = BacktestFlip.objects.filter(backtest=backtest)
    if pair:
        rows = rows.filter(kind=pair)
    last = BacktestFlip.objects.filter(
        backtest=backtest, pk=key_of(after) or uuid.UUID(int=0)
    ).first()
    if last is not None:
        older = Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk)
        rows = rows.filter(Q(blocking=last.blocking) & older | Q(blocking__lt=last.blocking))
    return list(rows.order_by("-blocking", "-at", "-pk")[: FLIPS + 1])


def key_of(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def judged(reader: User, pk: uuid.UUID) -> JudgedRequest:
    """One recorded request with its verdict."""
    found = JudgedRequest.objects.filter(pk=pk).first() if holds(reader, "policies.view") else None
    if found is None:
        raise Absent
    return found


def shadow_flips(version: PolicyVersion) -> list[ShadowFlip]:
    return list(version.shadow.order_by("-at", "-pk")[:50])


def words_to_complete() -> list[tuple[str, str]]:
    """(text, kind) that the editor offers: actions, agents, attributes, checkpoints."""
    known = [tool.spec for tool in Tool.objects.order_by("name")]
    attributes = {
        ("" if each.path.startswith("resource") else "context.") + each.path
        for spec in known
        for each in attributes_of([spec])
        if each.kind != "time"
    }
    agents = Agent.objects.order_by("slug").values_list("slug", flat=True)[:500]
    return [
        *((f'Action::"{spec.name}"', spec.effect) for spec in known),
        *((f'Agent::"{slug}"', "agent") for slug in agents),
        *((path, "attribute") for path in sorted(attributes)),
        *((f'context.approvals.contains("{name}")', "approval") for name in checkpoint_names()),
        *((f'@{name}("")', "annotation") for name in ANNOTATIONS),
    ]


def checkpoint_names() -> list[str]:
    """Every checkpoint that a rule names so far; those of the layer above are offered by it."""
    names = {each.rule.checkpoint for version in in_force() for each in rules_of(version)}
    return sorted(names - {""})


def in_force() -> Iterable[PolicyVersion]:
    found = PolicyVersion.objects.filter(status=VersionStatus.IN_FORCE)
    return found.select_related("policy").order_by("policy__slug")
