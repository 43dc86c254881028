from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holders, holds
from apps.approvals.models import (
    ApprovalRequest,
    Queue,
    QueueUserObjectPermission,
    RequestCheckpoint,
    Vote,
)
from apps.approvals.rules import Cast, Fact, Need, conflict
from apps.approvals.states import RequestStatus
from apps.common.clock import now
from apps.common.errors import Absent
from apps.common.units import in_unit
from apps.common.vocabulary import label
from apps.registry.models import Agent, Tool
from apps.registry.signals import InFlight

LISTED = 100
COUNTED = 1_000


def queue_ids(user: Any) -> frozenset[int]:
    """The queues that a person may decide in; read once per request."""
    cached: frozenset[int] | None = getattr(user, "_queue_ids", None)
    if cached is None:
        cached = frozenset()
        if holds(user, "approvals.decide"):
            rights = QueueUserObjectPermission.objects.filter(
                user=user, permission__codename="decide_queue"
            )
            cached = frozenset(rights.values_list("content_object_id", flat=True))
        user._queue_ids = cached
    return cached


def visible(user: User) -> QuerySet[ApprovalRequest]:
    """The requests that a person may see: those of their queues, or all with approvals.view."""
    found = ApprovalRequest.objects.select_related("queue", "agent", "holder")
    if holds(user, "approvals.view"):
        return found
    asked = RequestCheckpoint.objects.filter(
        request_id=OuterRef("pk"), queue_id__in=queue_ids(user)
    )
    return found.filter(Exists(asked)) if queue_ids(user) else found.none()


def open_for(user: User) -> QuerySet[ApprovalRequest]:
    """What a person can decide now: open, in their queues, not yet answered by them, and without
    a conflict (owner, registrar, requester)."""
    if not queue_ids(user):
        return ApprovalRequest.objects.none()
    asked = RequestCheckpoint.objects.filter(
        request_id=OuterRef("pk"), queue_id__in=queue_ids(user)
    )
    answered = Vote.objects.filter(request_id=OuterRef("pk"), voter=user, void=False)
    found = ApprovalRequest.objects.filter(Exists(asked), ~Exists(answered), status="pending")
    conflicted = Q(agent__owner=user) | Q(agent__created_by=user) | Q(requester=user)
    return found.exclude(conflicted).select_related("queue", "agent", "holder")


def waiting_count(user: Any) -> int:
    """What waits for the person, for the rail; capped."""
    if not queue_ids(user):
        return 0
    return open_for(user).order_by()[:COUNTED].count()


VIEWS = {
    "mine": "For me",
    "claimed": "Claimed by me",
    "late": "Past due soon",
    "all": "All open",
    "decided": "Decided by me",
}


@dataclass(frozen=True)
class Inbox:
    """The list on the left, and what the head of the page says about it."""

    items: list[ApprovalRequest]
    more: bool
    waiting: int
    version: str


def inbox(user: User, *, view: str, queue: str = "", risk: str = "", search: str = "") -> Inbox:
    rows = in_view(user, view)
    if queue:
        rows = rows.filter(queue__slug=queue)
    if risk:
        rows = rows.filter(risk=risk)
    if search:
        rows = rows.filter(matching(search))
    ordered = ("-decided_at", "-pk") if view == "decided" else ("decide_by", "pk")
    found: list[ApprovalRequest] = [
        *rows.annotate(cast=live_votes()).order_by(*ordered)[: LISTED + 1]
    ]
    return Inbox(found[:LISTED], len(found) > LISTED, waiting_count(user), pulse(user))


def matching(search: str) -> Q:
    number = search.upper().removeprefix("C-")
    words = Q(title__icontains=search) | Q(agent_label__icontains=search)
    return words | Q(number=int(number)) if number.isdecimal() and len(number) < 15 else words


def live_votes() -> Count:
    return Count("votes", filter=Q(votes__void=False, votes__choice="approve"), distinct=True)


def in_view(user: User, view: str) -> QuerySet[ApprovalRequest]:
    if view == "decided":
        mine = Vote.objects.filter(request_id=OuterRef("pk"), voter=user)
        return visible(user).filter(Exists(mine))
    if view == "all":
        return visible(user).filter(status="pending")
    rows = open_for(user)
    if view == "claimed":
        return rows.filter(holder=user, lease_until__gt=now())
    if view == "late":
        return rows.filter(respond_by__lte=now())
    return rows


def pulse(user: User) -> str:
    """A short text that changes when something new came into the person's inbox."""
    newest = open_for(user).order_by("-created_at").values_list("pk", flat=True).first()
    return f"{waiting_count(user)}-{newest}"


def request_numbered(user: User, number: int) -> ApprovalRequest:
    found = visible(user).filter(number=number).first()
    if found is None:
        raise Absent
    return found


def newer_than(user: User, version: str) -> int:
    """How many requests came since the pulse `version` that the page was made with."""
    _, _, last = version.partition("-")
    try:
        since = ApprovalRequest.objects.filter(pk=uuid.UUID(last)).values_list("created_at")[:1]
    except ValueError:
        return waiting_count(user)
    rows = open_for(user).filter(created_at__gt=since[0][0]) if since else open_for(user)
    return rows.order_by()[:COUNTED].count()


def votes_of(request: ApprovalRequest) -> list[Vote]:
    return list(request.votes.select_related("voter").order_by("cast_at"))


def eligible_people(queue_id: int) -> frozenset[int]:
    """Everybody who may decide in a queue now: the role, and the right over the queue."""
    permission = Permission.objects.filter(
        codename="decide_queue", content_type__app_label="approvals"
    )
    rights = QueueUserObjectPermission.objects.filter(
        content_object_id=queue_id, permission__in=permission
    )
    return frozenset(
        holders("approvals.decide")
        .filter(pk__in=rights.values("user_id"))
        .values_list("pk", flat=True)
    )


def facts_of(request: ApprovalRequest) -> list[Fact]:
    """The facts of the evidence, named and with their units as the tool's schema gives them."""
    facts: dict[str, dict[str, Any]] = request.evidence.get("facts", {})
    tool = Tool.objects.filter(name=request.tool).only("facts_schema").first()
    schemas = tool.facts_schema.get("properties", {}) if tool else {}
    currency = str(facts.get("currency", {}).get("value", ""))
    return [
        Fact(
            schemas.get(name, {}).get("title") or label(name),
            in_unit(fact["value"], schemas.get(name, {}).get("unit", ""), currency),
            fact.get("source", ""),
        )
        for name, fact in facts.items()
    ]


def needs_of(request: ApprovalRequest) -> list[Need]:
    barred = conflicted(request)
    return [
        Need(str(row.checkpoint_id), row.needed, eligible_people(row.queue_id) - barred)
        for row in request.checkpoints.all()
    ]


def conflicted(request: ApprovalRequest) -> frozenset[int]:
    agent = request.agent
    people = (agent.owner_id, agent.created_by_id, request.requester_id)
    return frozenset(person for person in people if person is not None)


def why_not(user: User, request: ApprovalRequest) -> str:
    """Why this person may not decide on this request; "" when they may."""
    if request.status != RequestStatus.PENDING:
        return "This request is no longer open."
    agent = request.agent
    reason = conflict(
        user.pk, owner=agent.owner_id, creator=agent.created_by_id, requester=request.requester_id
    )
    if reason:
        return reason
    asked = set(request.checkpoints.values_list("queue_id", flat=True))
    if not asked & queue_ids(user):
        return "You may not decide in this queue."
    if request.votes.filter(voter=user, void=False).exists():
        return "You have answered already; another person is needed."
    return ""


def casts(request: ApprovalRequest) -> list[Cast]:
    rows = request.votes.filter(void=False)
    return [Cast(vote.voter_id, vote.choice) for vote in rows]


def approved_checkpoints(request: ApprovalRequest) -> frozenset[str]:
    """The checkpoints that an approved request has passed; none while it is anything else."""
    if request.status != RequestStatus.APPROVED:
        return frozenset()
    rows = request.checkpoints.select_related("checkpoint")
    return frozenset(row.checkpoint.slug for row in rows)


def in_flight(agent: Agent) -> list[InFlight]:
    rows = ApprovalRequest.objects.filter(agent=agent, status="pending").order_by("created_at")
    return [
        InFlight("request", str(row), reverse("approvals:request", args=[row.number]))
        for row in rows[:LISTED]
    ]


def queues(user: User) -> list[Queue]:
    if holds(user, "approvals.view"):
        return list(Queue.objects.order_by("name"))
    return list(Queue.objects.filter(pk__in=queue_ids(user)).order_by("name"))


def next_after(user: User, request: ApprovalRequest) -> ApprovalRequest | None:
    """The person's next item in due order, after a decision."""
    return open_for(user).exclude(pk=request.pk).order_by("decide_by", "pk").first()
