from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch

from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now
from apps.common.errors import Absent
from apps.policies.models import JudgedRequest, Policy, PolicyVersion
from apps.policies.states import VersionStatus
from apps.policies.text import Compiled, compile_text

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


def in_force() -> Iterable[PolicyVersion]:
    found = PolicyVersion.objects.filter(status=VersionStatus.IN_FORCE)
    return found.select_related("policy").order_by("policy__slug")
