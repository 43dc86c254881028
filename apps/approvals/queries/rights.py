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
    Tie,
    Vote,
)
from apps.approvals.queries.training import trained_for, trained_people, training_required
from apps.approvals.rules import WHY_NOT, Cast, Need, conflict
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
        if holds(user, "council.sit"):
            last = Queue.objects.filter(council=True)
            cached |= frozenset(last.values_list("pk", flat=True))
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
    mine = Q(queue_id__in=queues) | Q(second_queue_id__in=queues) | Q(third_queue_id__in=queues)
    return RequestCheckpoint.objects.filter(mine, request_id=OuterRef("pk"))


def tied_to(user: User) -> Q:
    """The requests that concern a person too closely to decide on."""
    ties = Tie.objects.filter(request_id=OuterRef("pk"), user=user)
    mine = Q(agent__owner=user) | Q(agent__created_by=user) | Q(requester=user)
    return mine | Q(Exists(ties))


def answered_by(user: User) -> QuerySet[Vote]:
    """A person's own answers, and those given on their behalf."""
    theirs = Q(voter=user, on_behalf_of=None) | Q(on_behalf_of=user)
    return Vote.objects.filter(theirs, request_id=OuterRef("pk"), void=False)


def refused_by(user: User) -> QuerySet[Vote]:
    """Where a person turned down the same wish before: nobody who stands in for them reverses
    that."""
    return Vote.objects.filter(
        Q(voter=user, on_behalf_of=None) | Q(on_behalf_of=user),
        request__agent_id=OuterRef("agent_id"),
        request__intent_digest=OuterRef("intent_digest"),
        choice__in=("reject", "return"),
        void=False,
    )


def givers_of(user: Any) -> list[User]:
    """For whom the person stands in now, for whatever part: their conflicts are the person's."""
    return [lent.giver for lent in lent_to(user)]


def open_for(user: User) -> QuerySet[ApprovalRequest]:
    """What a person can decide now: open, in their queues, not yet answered by them, and without
    a conflict (owner, registrar, requester)."""
    if not queue_ids(user):
        return ApprovalRequest.objects.none()
    answered = Vote.objects.filter(request_id=OuterRef("pk"), voter=user, void=False)
    mine = Q(Exists(asked_in(own_queue_ids(user))))
    for lent in lent_to(user):
        standing_in = Q(Exists(asked_in(lent.queues)), risk__in=lent.risks)
        done = Exists(answered_by(lent.giver)) | Exists(refused_by(lent.giver))
        mine |= standing_in & ~Q(done)
    own = Q(seed_for=None) | Q(seed_for=user)
    found = ApprovalRequest.with_seeds.filter(own, mine, ~Exists(answered), status="pending")
    if training_required():
        found = found.filter(risk__in=trained_for(user))
    for tied in (user, *givers_of(user)):
        found = found.exclude(tied_to(tied))
    return found.select_related("queue", "agent", "holder")


def eligible_people(queue_id: int) -> frozenset[int]:
    """Everybody who may decide in a queue now: the role, and the right over the queue; of the
    last resort the council's members."""
    permission = Permission.objects.filter(
        codename="decide_queue", content_type__app_label="approvals"
    )
    rights = QueueUserObjectPermission.objects.filter(
        content_object_id=queue_id, permission__in=permission
    )
    entrusted = holders("approvals.decide").filter(pk__in=rights.values("user_id"))
    last = Queue.objects.filter(pk=queue_id, council=True)
    members = holders("council.sit").filter(Exists(last))
    found = entrusted.values_list("pk", flat=True).union(members.values_list("pk", flat=True))
    return frozenset(found)


def needs_of(request: ApprovalRequest) -> list[Need]:
    out = barred(request)
    return [
        Need(str(row.checkpoint_id), row.needed, people_of(row) - out.keys())
        for row in request.checkpoints.all()
    ]


def people_of(part: RequestCheckpoint) -> frozenset[int]:
    """Who may pass a checkpoint: its queue's people, and those of the levels it escalated to;
    trained for the risk."""
    queues = (part.queue_id, part.second_queue_id, part.third_queue_id)
    found = frozenset().union(*(eligible_people(queue) for queue in queues if queue is not None))
    return trained_people(found, part.request.risk)


def conflicts(request: ApprovalRequest) -> dict[int, str]:
    """Whom the request concerns too closely, and how. The kept ties are refreshed at every vote
    (services.ties)."""
    agent = request.agent
    found = {row.user_id: row.kind for row in request.ties.all()}
    people = ((agent.created_by_id, "creator"), (request.requester_id, "requester"))
    found |= {person: kind for person, kind in people if person is not None}
    return {**found, agent.owner_id: "owner"}


def barred(request: ApprovalRequest) -> dict[int, str]:
    """Those with a conflict, and everybody who stands in for one of them."""
    found = conflicts(request)
    return dict.fromkeys(stand_ins(found), "stand_in") | found


def why_not(user: User, request: ApprovalRequest) -> str:
    """Why this person may not decide on this request; "" when they may."""
    if request.status != RequestStatus.PENDING:
        return "This request is no longer open."
    found = conflicts(request)
    if reason := conflict(user.pk, found):
        return reason
    if any(giver.pk in found for giver in givers_of(user)):
        return WHY_NOT["stand_in"]
    if request.is_seed and request.seed_for_id != user.pk:
        return "You may not decide in this queue."
    if request.risk not in trained_for(user):
        return f"Your training does not cover {request.risk} risk; ask for it, and decide after it."
    if answered(user, request):
        return "You have answered already; another person is needed."
    asked = queues_asked(request)
    if asked & own_queue_ids(user) or giver_for(user, request, asked) is not None:
        return ""
    return "You may not decide in this queue."


def might_have_decided(user: User, request: ApprovalRequest) -> bool:
    """Whether the person could have answered, had they come in time."""
    if request.is_seed or conflict(user.pk, conflicts(request)):
        return False
    asked = queues_asked(request)
    return bool(asked & own_queue_ids(user)) or giver_for(user, request, asked) is not None


def queues_asked(request: ApprovalRequest) -> set[int]:
    parts = request.checkpoints.all()
    found = {q for p in parts for q in (p.queue_id, p.second_queue_id, p.third_queue_id)}
    return {queue for queue in found if queue is not None}


def answered(user: User, request: ApprovalRequest) -> bool:
    return any(vote.voter_id == user.pk and not vote.void for vote in request.votes.all())


def giver_for(user: User, request: ApprovalRequest, asked: set[int]) -> User | None:
    """For whom the person would answer, where they have no right of their own: somebody without
    a conflict who has not answered this, nor turned the same wish down, for a risk that was
    lent."""
    if not lent_to(user):
        return None
    alike = Vote.objects.filter(
        request__agent_id=request.agent_id,
        request__intent_digest=request.intent_digest,
        void=False,
    ).values_list("request_id", "choice", "voter_id", "on_behalf_of_id")
    out = set(conflicts(request))
    for request_id, choice, voter, giver in alike:
        if request_id == request.pk or choice != "approve":
            out.add(giver or voter)
    for lent in lent_to(user):
        if asked & lent.queues and request.risk in lent.risks and lent.giver.pk not in out:
            return lent.giver
    return None


def on_behalf(user: User, request: ApprovalRequest) -> User | None:
    """None for a person who answers by their own right."""
    asked = queues_asked(request)
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
