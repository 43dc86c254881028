"""Levels, what they rest on, and what nobody saw beforehand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals import intervals, levels, planting
from apps.approvals.graduation import ALPHAS, Evidence, claim_of, weighed
from apps.approvals.models import Finding, Scope, SeenTrait, Skipped
from apps.approvals.queries.rights import own_queue_ids, queue_ids
from apps.approvals.queries.vigilance import sums_by_queue
from apps.approvals.rules import conflict
from apps.common.clock import now
from apps.common.errors import Absent
from apps.registry import directory
from apps.registry.models import Agent

LISTED = 50


def scope_at(agent: Agent, tool: str, risk: str, stamp: int) -> Scope | None:
    """The scope of the agent's present version, as this process holds it at the registry's stamp;
    None for one that stands where all begin."""

    def look() -> Scope | None:
        rows = Scope.objects.filter(
            agent_id=agent.pk, agent_version=agent.version, tool=tool, risk=risk
        )
        found: Scope | None = rows.first()
        return found

    key = ("scope", agent.pk, agent.version, tool, risk)
    found: Scope | None = directory.at(stamp).kept(key, look)
    return found


def percent_of(scope: Scope | None, risk: str) -> int:
    if scope is None:
        return levels.WHOLE
    return levels.percent(scope.level, risk, held=scope.held)


def novelties(scope: Scope, traits: Iterable[str]) -> list[str]:
    """Which traits people have not yet seen thirty times in this scope."""
    wanted = list(traits)
    rows = SeenTrait.objects.filter(scope=scope, trait__in=wanted)
    return levels.novel(wanted, dict(rows.values_list("trait", "reviewed")))


@dataclass(frozen=True)
class Standing:
    """A scope, the share that people see, what was found by severity and origin, and how far that
    bears the next level: None where there is none, or nobody knows what its reviewers miss."""

    scope: Scope
    percent: int
    reviewed: int
    worse: dict[str, int]
    later: int
    skipped: int
    evidence: Evidence | None


def standings(reader: User) -> list[Standing]:
    """Every scope of the reader's agents (all, with the right to see agents)."""
    if not holds(reader, "agents.view"):
        return []
    rows = Scope.objects.select_related("agent").order_by("agent__slug", "tool", "risk")
    scopes = list(rows.annotate(queue=LAST_QUEUE).order_by("-changed_at")[: LISTED * 4])
    found: dict[int, dict[tuple[str, str], int]] = {}
    counted = Finding.objects.filter(scope__in=scopes).values("scope", "origin", "severity")
    for row in counted.annotate(number=Count("pk")).order_by():
        found.setdefault(row["scope"], {})[row["origin"], row["severity"]] = row["number"]
    waiting = dict(
        Skipped.objects.filter(scope__in=scopes, reviewed_at=None)
        .values_list("scope")
        .annotate(number=Count("pk"))
        .order_by()
    )
    missed = sums_by_queue(now())
    return [
        Standing(
            scope=scope,
            percent=percent_of(scope, scope.risk),
            reviewed=sum(n for (origin, _), n in by.items() if origin == "random"),
            worse={
                severity: sum(n for (_, each), n in by.items() if each == severity)
                for severity in levels.LOSSES
                if severity != "fine" and any(each == severity for _, each in by)
            },
            later=sum(n for (origin, _), n in by.items() if origin == "later"),
            skipped=waiting.get(scope.pk, 0),
            evidence=borne(scope, spoken(by), missed.get(scope.queue, {})),
        )
        for scope in scopes
        for by in [found.get(scope.pk, {})]
    ]


LAST_QUEUE = Subquery(
    Finding.objects.filter(scope=OuterRef("pk"), request__isnull=False)
    .order_by("-at")
    .values("request__queue")[:1]
)


def spoken(by: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """The same as `counts_of`, from counts by origin and severity."""
    found: dict[str, int] = {}
    for (origin, severity), number in by.items():
        if origin == "random" or severity != "fine":
            found[severity] = found.get(severity, 0) + number
    return found


def borne(scope: Scope, counts: Mapping[str, int], answers: Mapping[str, int]) -> Evidence | None:
    """`answers`: what the people of the scope's queue found of planted defects."""
    if scope.held:
        return None
    hits, number = answers.get("found", 0), answers.get("defects", 0)
    known = None
    if number >= planting.SAY:
        known = intervals.sensitivity(hits, number, ALPHAS.get(scope.risk, 0.01))
    claim = claim_of(scope.risk, scope.level, scope.attempt, known)
    return weighed(counts, claim) if claim else None


def evidence_of_scope(scope: Scope) -> Evidence | None:
    """How far its reviews bear the next level, for whoever proposes or votes on it."""
    queue = Scope.objects.filter(pk=scope.pk).values_list(LAST_QUEUE, flat=True).first()
    return borne(scope, counts_of(scope), sums_by_queue(now()).get(queue or 0, {}))


def counts_of(scope: Scope) -> dict[str, int]:
    """n per severity, as the evidence of autonomy.md 2.2 wants them: drawn reviews, and whatever
    a later look found wrong."""
    speaks = Q(origin="random") | ~Q(severity="fine")
    rows = Finding.objects.filter(speaks, scope=scope).values("severity")
    return {row["severity"]: row["number"] for row in rows.annotate(number=Count("pk")).order_by()}


def skipped_for(user: User, view: str = "open") -> QuerySet[Skipped]:
    """What was let through unseen in the queues that the person may look into."""
    rows = Skipped.objects.select_related("queue", "reviewer", "scope__agent")
    if not holds(user, "approvals.view"):
        rows = rows.filter(queue_id__in=queue_ids(user))
    return rows.exclude(reviewed_at=None) if view == "done" else rows.filter(reviewed_at=None)


def skipped_one(user: User, pk: uuid.UUID) -> Skipped:
    rows = Skipped.objects.select_related("queue", "reviewer", "scope__agent")
    found = rows.filter(pk=pk).first()
    if found is None or not (holds(user, "approvals.view") or found.queue_id in queue_ids(user)):
        raise Absent
    return found


def why_not_review(user: Any, row: Skipped) -> str:
    """Why this person may not judge what was let through unseen; "" when they may."""
    agent = row.scope.agent
    if reason := conflict(user.pk, {agent.created_by_id: "creator", agent.owner_id: "owner"}):
        return reason
    if row.queue_id not in own_queue_ids(user):
        return "You may not decide in this queue."
    return ""
