from __future__ import annotations

import datetime as dt
import statistics
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holders, holds
from apps.approvals.models import (
    ApprovalRequest,
    Delegation,
    Look,
    Notice,
    Queue,
    QueueUserObjectPermission,
    RequestCheckpoint,
    Snooze,
    Vote,
)
from apps.approvals.rules import BULK_RISKS, MOST_AT_ONCE, Cast, Fact, Need, conflict
from apps.approvals.states import RequestStatus
from apps.common.clock import now
from apps.common.errors import Absent
from apps.common.units import in_unit
from apps.common.vocabulary import label
from apps.registry.models import Agent, Tool
from apps.registry.signals import InFlight
from apps.registry.states import Risk

LISTED = 50
ALIKE = 200
COUNTED = 1_000


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
    found = ApprovalRequest.objects.select_related("queue", "agent", "holder")
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
    found = ApprovalRequest.objects.filter(mine, ~Exists(answered), status="pending")
    return found.exclude(tied_to(user)).select_related("queue", "agent", "holder")


def waiting_count(user: Any) -> int:
    """What waits for the person, for the rail; capped, and counted once per request."""
    if not queue_ids(user):
        return 0
    cached: int | None = getattr(user, "_waiting", None)
    if cached is None:
        cached = user._waiting = open_for(user).order_by()[:COUNTED].count()
    return cached


VIEWS = {
    "mine": "For me",
    "claimed": "Claimed by me",
    "snoozed": "Snoozed",
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
    found = list(rows.order_by(*ordered)[: LISTED + 1])
    page = found[:LISTED]
    # Counted for the page alone: counting in the query would count for every open request first.
    cast = approvals_cast(page)
    for row in page:
        row.cast = cast.get(row.pk, 0)  # type: ignore[attr-defined]
    return Inbox(page, len(found) > LISTED, waiting_count(user), pulse(user))


def approvals_cast(rows: Iterable[ApprovalRequest]) -> dict[uuid.UUID, int]:
    votes = Vote.objects.filter(request__in=list(rows), void=False, choice="approve")
    counted = votes.values_list("request_id").annotate(number=Count("pk")).order_by()
    return dict(counted)


def matching(search: str) -> Q:
    number = search.upper().removeprefix("C-")
    words = Q(title__icontains=search) | Q(agent_label__icontains=search)
    return words | Q(number=int(number)) if number.isdecimal() and len(number) < 15 else words


def in_view(user: User, view: str) -> QuerySet[ApprovalRequest]:
    if view == "decided":
        mine = Vote.objects.filter(request_id=OuterRef("pk"), voter=user)
        return visible(user).filter(Exists(mine))
    if view == "all":
        return visible(user).filter(status="pending")
    rows = open_for(user)
    snoozed = Snooze.objects.filter(request_id=OuterRef("pk"), user=user, until__gt=now())
    if view == "snoozed":
        return rows.filter(Exists(snoozed))
    rows = rows.exclude(Exists(snoozed))
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
        Need(str(row.checkpoint_id), row.needed, people_of(row) - barred)
        for row in request.checkpoints.all()
    ]


def people_of(part: RequestCheckpoint) -> frozenset[int]:
    """Who may pass a checkpoint: its queue's people, and after half time the second level's."""
    found = eligible_people(part.queue_id)
    return found | eligible_people(part.second_queue_id) if part.second_queue_id else found


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


def looked_at(user: User, requests: Iterable[uuid.UUID]) -> int:
    """How many of these requests the person has opened."""
    return Look.objects.filter(user=user, request_id__in=list(requests)).count()


@dataclass(frozen=True)
class Alike:
    """How requests of the same action and rule were decided lately. Never a recommendation."""

    counts: dict[str, int]
    reversed_later: int
    newest: list[ApprovalRequest]


def alike(request: ApprovalRequest, days: int = 90) -> Alike:
    """The newest decided requests of the same action and rule, the same counterparty first."""
    rows = ApprovalRequest.objects.filter(
        tool=request.tool,
        rule_key=request.rule_key,
        decided_at__gte=now() - dt.timedelta(days=days),
        status__in=("approved", "rejected", "returned"),
    ).exclude(pk=request.pk)
    shown = ("number", "title", "status", "execution", "outcome_note", "decided_at")
    found = list(rows.order_by("-decided_at").only(*shown)[:ALIKE])
    counts = Counter(row.status for row in found)
    undone = sum(row.execution == "rolled_back" for row in found)
    same = [row for row in found if row.title.split(",")[0] == request.title.split(",")[0]]
    others = [row for row in found if row not in same]
    return Alike(dict(counts), undone, (same + others)[:3])


def turned_down(agent_id: int, intent_digest: str, days: int = 30) -> int:
    """How often people have refused exactly this wish of the agent."""
    return ApprovalRequest.objects.filter(
        agent_id=agent_id,
        intent_digest=intent_digest,
        status__in=("rejected", "returned"),
        decided_at__gte=now() - dt.timedelta(days=days),
    ).count()


def bulk_groups(user: User) -> list[tuple[str, str, int]]:
    """(action, rule, number) of what the person could answer together."""
    rows = open_for(user).filter(risk__in=BULK_RISKS).order_by()
    groups = rows.values("tool", "rule_key").annotate(number=Count("pk")).filter(number__gte=2)
    return [
        (row["tool"], row["rule_key"], row["number"]) for row in groups.order_by("-number")[:20]
    ]


def in_group(user: User, tool: str, rule: str) -> list[ApprovalRequest]:
    rows = open_for(user).filter(tool=tool, rule_key=rule, risk__in=BULK_RISKS)
    return list(rows.order_by("decide_by", "pk")[:MOST_AT_ONCE])


def looks_of(user: User, rows: Iterable[ApprovalRequest]) -> set[uuid.UUID]:
    found = Look.objects.filter(user=user, request__in=list(rows))
    return set(found.values_list("request_id", flat=True))


def next_after(user: User, request: ApprovalRequest) -> ApprovalRequest | None:
    """The person's next item in due order, after a decision."""
    return open_for(user).exclude(pk=request.pk).order_by("decide_by", "pk").first()


def notices_of(user: User) -> list[Notice]:
    return list(Notice.objects.filter(user=user).order_by("-at", "-pk")[:LISTED])


@dataclass(frozen=True)
class Insight:
    """How questions were dealt with; medians in minutes. `covered` is how many the figures rest
    on: the newest of the window, at most INSIGHT."""

    days: int
    covered: int
    more: bool
    open_now: int
    past_due: int
    statuses: dict[str, int]
    first_look: float | None
    decision: float | None
    hours: float
    people: list[tuple[str, int, int]]
    by_day: dict[str, dict[str, int]]
    reversed_later: int


INSIGHT = 10_000


def insight(reader: User, days: int = 30) -> Insight:
    """The figures of the queues that the reader may see."""
    moment = now()
    rows = visible(reader)
    opened = rows.filter(status="pending").order_by()
    ended = rows.filter(decided_at__gte=moment - dt.timedelta(days=days)).order_by("-decided_at")
    found = list(
        ended.values_list("pk", "status", "created_at", "first_seen_at", "decided_at", "execution")[
            : INSIGHT + 1
        ]
    )
    more, found = len(found) > INSIGHT, found[:INSIGHT]
    statuses = Counter(row[1] for row in found)
    looks = [minutes(row[2], row[3]) for row in found if row[3]]
    takes = [minutes(row[2], row[4]) for row in found if row[1] in ANSWERED and row[4]]
    by_day: dict[str, Counter[str]] = {}
    for row in found:
        by_day.setdefault(row[1], Counter())[f"{row[4]:%Y-%m-%d}"] += 1
    return Insight(
        days=days,
        covered=len(found),
        more=more,
        open_now=opened[:COUNTED].count(),
        past_due=opened.filter(respond_by__lte=moment, first_seen_at=None)[:COUNTED].count(),
        statuses=dict(statuses),
        first_look=statistics.median(looks) if looks else None,
        decision=statistics.median(takes) if takes else None,
        hours=round(len(takes) * int(settings.COUNCIL["REVIEW_MINUTES"]) / 60, 1),
        people=load_by_person(reader, moment - dt.timedelta(days=days)),
        by_day={status: dict(counts) for status, counts in by_day.items()},
        reversed_later=sum(row[5] == "rolled_back" for row in found),
    )


ANSWERED = ("approved", "rejected", "returned")


def minutes(start: dt.datetime, end: dt.datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)


def load_by_person(reader: User, since: dt.datetime) -> list[tuple[str, int, int]]:
    """(person, answers, of them approvals), most first; of the reader's own queues."""
    votes = Vote.objects.filter(cast_at__gte=since, void=False).order_by("-cast_at")
    if not holds(reader, "approvals.view"):
        votes = votes.filter(request__queue_id__in=queue_ids(reader))
    answers, approvals = Counter[str](), Counter[str]()
    for name, choice in votes.values_list("voter_label", "choice")[:INSIGHT]:
        answers[name] += 1
        approvals[name] += choice == "approve"
    return [(name, number, approvals[name]) for name, number in answers.most_common(50)]
