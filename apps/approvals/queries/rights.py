"""Who may see and decide what: rights, stand-ins, conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holders, holds
from apps.approvals.models import (
    ApprovalRequest,
    Delegation,
    Queue,
    QueueUserObjectPermission,
    RequestCheckpoint,
    Vote,
)
from apps.approvals.queries.training import trained_for, trained_people, training_required
from apps.approvals.rules import Cast, Need, conflict
from apps.approvals.states import RequestStatus
from apps.common.clock import now
from apps.registry.states import Risk


@dataclass(frozen=True)
class Lent:
    """What one giver lends: their own queues, up to a risk."""

    giver: User
    queues: frozenset[int]
    risks: frozenset[str]


def lent_to(user: Any) -> list[Lent]:
    """For whom the person stands in now; read once per request."""
    cached: list[Lent] | None = getattr(user, "_lent", None)
    if cached is None:
        cached = user._lent = read_lent(user) if holds(user, "approvals.decide") else []
    return cached


def read_lent(user: User) -> list[Lent]:
    moment = now()
    rows = Delegation.objects.filter(
        taker=user, starts_at__lte=moment, ends_at__gt=moment, ended_at=None
    ).select_related("giver")
    found = []
    for row in rows:
        own = own_queue_ids(row.giver)
        queues = own & {row.queue_id} if row.queue_id else own
        risks = frozenset(Risk.values[: Risk.values.index(row.most_risk) + 1])
        if queues:
            found.append(Lent(row.giver, queues, risks))
    return found


def queue_ids(user: Any) -> frozenset[int]:
    """The queues that a person may look into: their own, and those they stand in for."""
    return own_queue_ids(user).union(*(each.queues for each in lent_to(user)))


def own_queue_ids(user: Any) -> frozenset[int]:
    """The queues that a person may decide in of their own right; read once per request."""
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
    own = Q(seed_for=None) | Q(seed_for=user)
    found = ApprovalRequest.with_seeds.filter(own).select_related("queue", "agent", "holder")
    if holds(user, "approvals.view"):
        return found
    return found.filter(Exists(asked_of(user))) if queue_ids(user) else found.none()


def asked_of(user: User) -> QuerySet[RequestCheckpoint]:
    """The parts of a request that are put to the person's queues, by escalation too."""
    return asked_in(queue_ids(user))


def asked_in(queues: frozenset[int]) -> QuerySet[RequestCheckpoint]:
    mine = Q(queue_id__in=queues) | Q(second_queue_id__in=queues)
    return RequestCheckpoint.objects.filter(mine, request_id=OuterRef("pk"))


def tied_to(user: User) -> Q:
    return Q(agent__owner=user) | Q(agent__created_by=user) | Q(requester=user)


def answered_by(user: User) -> QuerySet[Vote]:
    """A person's own answers, and those given on their behalf."""
    theirs = Q(voter=user, on_behalf_of=None) | Q(on_behalf_of=user)
    return Vote.objects.filter(theirs, request_id=OuterRef("pk"), void=False)


def open_for(user: User) -> QuerySet[ApprovalRequest]:
    """What a person can decide now: open, in their queues, not yet answered by them, and without
    a conflict (owner, registrar, requester)."""
    if not queue_ids(user):
        return ApprovalRequest.objects.none()
    answered = Vote.objects.filter(request_id=OuterRef("pk"), voter=user, void=False)
    mine = Q(Exists(asked_in(own_queue_ids(user))))
    for lent in lent_to(user):
        standing_in = Q(Exists(asked_in(lent.queues)), risk__in=lent.risks)
        mine |= standing_in & ~tied_to(lent.giver) & ~Q(Exists(answered_by(lent.giver)))
    own = Q(seed_for=None) | Q(seed_for=user)
    found = ApprovalRequest.with_seeds.filter(own, mine, ~Exists(answered), status="pending")
    if training_required():
        found = found.filter(risk__in=trained_for(user))
    return found.exclude(tied_to(user)).select_related("queue", "agent", "holder")


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


def needs_of(request: ApprovalRequest) -> list[Need]:
    barred = conflicted(request)
    return [
        Need(str(row.checkpoint_id), row.needed, people_of(row) - barred)
        for row in request.checkpoints.all()
    ]


def people_of(part: RequestCheckpoint) -> frozenset[int]:
    """Who may pass a checkpoint: its queue's people, and after half time the second level's;
    trained for the risk."""
    found = eligible_people(part.queue_id)
    if part.second_queue_id:
        found |= eligible_people(part.second_queue_id)
    return trained_people(found, part.request.risk)


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
    if request.is_seed and request.seed_for_id != user.pk:
        return "You may not decide in this queue."
    if request.risk not in trained_for(user):
        return f"Your training does not cover {request.risk} risk; ask for it, and decide after it."
    parts = request.checkpoints.values_list("queue_id", "second_queue_id")
    asked = {queue for part in parts for queue in part if queue is not None}
    if request.votes.filter(voter=user, void=False).exists():
        return "You have answered already; another person is needed."
    if asked & own_queue_ids(user) or giver_for(user, request, asked) is not None:
        return ""
    return "You may not decide in this queue."


def giver_for(user: User, request: ApprovalRequest, asked: set[int]) -> User | None:
    """For whom the person would answer, where they have no right of their own: somebody without
    a conflict who has not answered, for a risk that was lent."""
    answered = {vote.on_behalf_of_id or vote.voter_id for vote in request.votes.filter(void=False)}
    barred = conflicted(request) | answered
    for lent in lent_to(user):
        if asked & lent.queues and request.risk in lent.risks and lent.giver.pk not in barred:
            return lent.giver
    return None


def on_behalf(user: User, request: ApprovalRequest) -> User | None:
    """None for a person who answers by their own right."""
    parts = request.checkpoints.values_list("queue_id", "second_queue_id")
    asked = {queue for part in parts for queue in part if queue is not None}
    return None if asked & own_queue_ids(user) else giver_for(user, request, asked)


def stand_ins(people: Iterable[int]) -> set[int]:
    """Who stands in for any of these people now."""
    moment = now()
    rows = Delegation.objects.filter(
        giver__in=list(people), starts_at__lte=moment, ends_at__gt=moment, ended_at=None
    )
    return set(rows.values_list("taker_id", flat=True))


def delegations(user: User) -> list[Delegation]:
    rows = Delegation.objects.filter(
        Q(giver=user) | Q(taker=user), ended_at=None, ends_at__gt=now()
    )
    return list(rows.select_related("giver", "taker", "queue").order_by("ends_at"))


def casts(request: ApprovalRequest) -> list[Cast]:
    rows = request.votes.filter(void=False)
    return [Cast(vote.on_behalf_of_id or vote.voter_id, vote.choice) for vote in rows]


def queues(user: User) -> list[Queue]:
    if holds(user, "approvals.view"):
        return list(Queue.objects.order_by("name"))
    return list(Queue.objects.filter(pk__in=queue_ids(user)).order_by("name"))
