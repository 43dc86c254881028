"""Around one request: what can be taken back, what was asked, where it goes next."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import (
    ApprovalRequest,
    Checkpoint,
    Handover,
    Question,
    Queue,
    QueueUserObjectPermission,
    ReasonCode,
)
from apps.approvals.queries.rights import eligible_people, queue_ids, visible
from apps.common.clock import now
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent
from apps.ledger.queries import texts_of_acts
from apps.registry.models import Tool
from apps.registry.queries import live_grants

RECENT = dt.timedelta(hours=24)


def undoable(user: User, moment: dt.datetime | None = None) -> list[ApprovalRequest]:
    """What the person approved and can still take back, newest first."""
    rows = ApprovalRequest.objects.filter(
        status="approved",
        execution="none",
        dispatch_at__gt=moment or now(),
        votes__voter=user,
        votes__choice="approve",
        votes__void=False,
    )
    return list(rows.order_by("-dispatch_at")[:25])


def questions_of(request: ApprovalRequest) -> list[Question]:
    return list(request.questions.select_related("asker", "asked").order_by("at"))


@dataclass(frozen=True)
class Late:
    """What somebody said who came after the decision."""

    who: str
    at: dt.datetime
    choice: str
    words: str


def late_answers(request: ApprovalRequest) -> list[Late]:
    events = list(
        LedgerEvent.objects.filter(
            object_type=request._meta.label_lower,
            object_id=str(request.pk),
            type="approval.answered_late",
        ).order_by("at")[:20]
    )
    words = texts_of_acts({event.act_id for event in events}) if events else {}
    return [
        Late(told.get("by", ""), event.at, told.get("choice", ""), words.get(event.act_id, ""))
        for event in events
        for told in [event.after or {}]
    ]


def question_for(user: User, pk: uuid.UUID) -> Question:
    """A question put to the person, or about a request that they may see."""
    found = (
        Question.objects.select_related("request__agent", "asker", "asked").filter(pk=pk).first()
    )
    if found is None or (
        found.asked_id != user.pk and not visible(user).filter(pk=found.request_id).exists()
    ):
        raise Absent
    return found


def people_to_ask(user: User, request: ApprovalRequest) -> QuerySet[User]:
    """Who may know more: the agent's owner and registrar, whoever asked for the work, and the
    people of its queues."""
    agent = request.agent
    near = Q(pk__in=[agent.owner_id, agent.created_by_id, request.requester_id or 0])
    queues = [part.queue_id for part in request.checkpoints.all()]
    colleagues = QueueUserObjectPermission.objects.filter(content_object__in=queues)
    near |= Q(pk__in=colleagues.values("user_id"))
    return User.objects.filter(near, is_active=True).exclude(pk=user.pk).order_by("display_name")


def next_level(request: ApprovalRequest) -> list[str]:
    """The names of the queues that escalating would open."""
    following: list[int] = []
    known: dict[int, Queue] = {}
    for part in request.checkpoints.all():
        known |= near(part.queue)
        asked = (part.queue_id, part.second_queue_id, part.third_queue_id)
        above = next((pk for pk in part.chain if pk not in asked), None)
        if above is not None and part.third_queue_id is None:
            following.append(above)
    if unread := set(following) - known.keys():
        known |= Queue.objects.in_bulk(unread)
    return [str(known[pk]) for pk in dict.fromkeys(following) if pk in known]


def near(queue: Queue) -> dict[int, Queue]:
    """Itself and whom it escalates to, as far as that was read along with it."""
    found: dict[int, Queue] = {}
    following: Queue | None = queue
    while following is not None and following.pk not in found:
        found[following.pk] = following
        joined = "escalates_to" in following._state.fields_cache
        following = following.escalates_to if joined else None
    return found


def tools_of(request: ApprovalRequest) -> list[Tool]:
    """The tools that the agent may use now: what an edit can turn the call into."""
    held = live_grants().filter(agent=request.agent_id).values("tool")
    return list(Tool.objects.filter(pk__in=held, status="active").order_by("name"))


def reasons() -> list[ReasonCode]:
    """The list that people choose from."""
    return list(ReasonCode.objects.filter(retired_at=None).order_by("choice", "words"))


def handovers(user: User, moment: dt.datetime | None = None) -> list[Handover]:
    """What other shifts left for the person's queues in the last day; the newest of each queue."""
    queues = queue_ids(user)
    if not queues:
        return []
    rows = Handover.objects.filter(queue__in=queues, at__gt=(moment or now()) - RECENT)
    newest: dict[int, Handover] = {}
    for row in rows.select_related("queue", "author").order_by("-at")[:50]:
        newest.setdefault(row.queue_id, row)
    return list(newest.values())


def queues_seen_by(user: User) -> QuerySet[Queue]:
    """The person's queues; all for those who read every request or set queues up."""
    rows = Queue.objects.select_related("lead", "calendar", "escalates_to")
    if not (holds(user, "approvals.view") or holds(user, "queues.manage")):
        rows = rows.filter(pk__in=queue_ids(user))
    waiting = Count("requests", filter=Q(requests__status="pending"))
    return rows.annotate(waiting=waiting).order_by("name")  # type: ignore[no-any-return]


def queue_named(user: User, slug: str) -> Queue:
    found = queues_seen_by(user).filter(slug=slug).first()
    if found is None:
        raise Absent
    return found  # type: ignore[no-any-return]


def people_in(queue: Queue) -> list[User]:
    return list(User.objects.filter(pk__in=eligible_people(queue.pk)).order_by("display_name"))


def levels_above(queue: Queue) -> list[Queue]:
    """Whom its questions escalate to, level by level."""
    found: list[Queue] = []
    following = queue.escalates_to
    while following is not None and following not in found and len(found) < 2:
        found.append(following)
        following = following.escalates_to
    return found


def checkpoints_of(queue: Queue) -> list[Checkpoint]:
    rows = Checkpoint.objects.filter(queue=queue).select_related("fallback").order_by("title")
    return list(rows)
