"""Setting up: queues, whom they are entrusted to, stand-ins, checkpoints."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from guardian.shortcuts import assign_perm, remove_perm

from apps.access.models import User
from apps.access.queries import holds
from apps.access.services import permitted
from apps.approvals import queries
from apps.approvals.models import (
    Calendar,
    Checkpoint,
    Delegation,
    Queue,
    Vote,
)
from apps.approvals.services.requests import void_lost_right
from apps.approvals.services.upkeep import can_be_passed, check_checkpoints
from apps.approvals.states import OnTimeout
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record

LONGEST_DELEGATION = dt.timedelta(days=60)


@permitted("queues.manage")
@transaction.atomic
def create_queue(
    *, actor: User | None, slug: str, name: str, purpose: str = "", council: bool = False
) -> Queue:
    """A queue without people yet. `council`: the last resort, whose people are the council's
    members."""
    queue = Queue(slug=slug, name=name, purpose=purpose, council=council)
    try:
        with transaction.atomic():
            queue.save()
    except IntegrityError:
        raise Conflict(f"There is a queue called {slug} already.", "slug_taken") from None
    record(type="queue.created", object=queue)
    return queue


@permitted("queues.manage")
@transaction.atomic
def entrust(*, actor: User | None, queue: Queue, user: User, reason: str) -> None:
    """Gives a person the right to decide in a queue. Nobody gives it to themselves."""
    if actor is not None and actor.pk == user.pk:
        raise NotPermitted("Nobody entrusts a queue to themselves.")
    assign_perm("decide_queue", user, queue)
    record(type="queue_right.granted", object=queue, reason=reason, after={"person": str(user)})
    check_checkpoints(queue)


@permitted("queues.manage")
@transaction.atomic
def withdraw_trust(*, actor: User | None, queue: Queue, user: User, reason: str) -> None:
    """Takes the right; the person's votes on what is still open no longer count, and a checkpoint
    that too few could pass now is told to its lead."""
    remove_perm("decide_queue", user, queue)
    record(type="queue_right.revoked", object=queue, reason=reason, before={"person": str(user)})
    for vote in Vote.objects.filter(voter=user, void=False, request__status="pending"):
        void_lost_right(vote)
    check_checkpoints(queue)


@permitted("queues.manage")
@transaction.atomic
def create_checkpoint(
    *,
    actor: User | None,
    slug: str,
    title: str,
    queue: Queue,
    approvers: int = 1,
    respond_within: int = 3600,
    decide_within: int = 14_400,
    hard: bool = True,
    rate: int = 100,
    on_timeout: str = OnTimeout.EXPIRE,
    fallback: Queue | None = None,
) -> Checkpoint:
    """A checkpoint for policies to name. Refused when nobody, or too few, could ever pass it, for
    whichever agent: its owner and registrar never count."""
    refuse_unsatisfiable(queue, approvers)
    if fallback is not None and fallback.pk == queue.pk:
        raise Invalid("A queue is no fallback for itself.", fields={"fallback": ["Another one."]})
    checkpoint = Checkpoint(
        slug=slug,
        title=title,
        queue=queue,
        approvers=approvers,
        respond_within=respond_within,
        decide_within=decide_within,
        hard=hard,
        rate=rate,
        on_timeout=on_timeout,
        fallback=fallback,
    )
    try:
        with transaction.atomic():
            checkpoint.save()
    except IntegrityError:
        raise Conflict(f"There is a checkpoint called {slug} already.", "slug_taken") from None
    record(type="checkpoint.created", object=checkpoint)
    return checkpoint


def refuse_unsatisfiable(queue: Queue, approvers: int) -> None:
    if not can_be_passed(approvers, queue.pk):
        raise Invalid(
            f"{queue.name} has too few people for {approvers} approvals, once an agent's owner and "
            "registrar are left out; entrust it to more first.",
            "unsatisfiable",
        )


@permitted("queues.manage")
@transaction.atomic
def set_timing(
    *,
    actor: User | None,
    checkpoint: Checkpoint,
    respond_within: int,
    decide_within: int,
    on_timeout: str,
    fallback: Queue | None,
    reason: str,
) -> None:
    """Other clocks, another end of the time, another last resort; for questions put from now on.
    How many people a checkpoint asks is the council's to change."""
    row = Checkpoint.lock(checkpoint.pk)
    if not 0 < respond_within <= decide_within or on_timeout not in OnTimeout.values:
        raise Invalid("First the first look, then the decision.")
    if fallback is not None and fallback.pk == row.queue_id:
        raise Invalid("A queue is no fallback for itself.", fields={"fallback": ["Another one."]})
    row.respond_within, row.decide_within = respond_within, decide_within
    row.on_timeout, row.fallback = on_timeout, fallback
    with acting(reason=reason):
        row.save()
        record(
            type="checkpoint.changed",
            object=row,
            reason=reason,
            after={"decide_within": decide_within, "on_timeout": on_timeout},
        )


@transaction.atomic
def change_checkpoint(*, checkpoint: Checkpoint, approvers: int, reason: str) -> None:
    """Another number of people, when the council's motion takes effect. Refused when too few
    could ever pass it."""
    row = Checkpoint.lock(checkpoint.pk)
    refuse_unsatisfiable(row.queue, approvers)
    before = row.approvers
    row.approvers = approvers
    with acting(reason=reason):
        row.save()
        record(
            type="checkpoint.changed",
            object=row,
            reason=reason,
            before={"approvers": before},
            after={"approvers": approvers},
        )


@permitted("queues.manage")
@transaction.atomic
def set_escalation(*, actor: User | None, queue: Queue, to: Queue | None) -> None:
    """Whose people may decide as well once half the time is over."""
    row = Queue.lock(queue.pk)
    if to is not None and to.pk == row.pk:
        raise Invalid("A queue does not escalate to itself.")
    row.escalates_to = to
    row.save()
    record(type="queue.changed", object=row, after={"escalates_to": to.slug if to else ""})


@permitted("queues.manage")
@transaction.atomic
def change_queue(
    *,
    actor: User | None,
    queue: Queue,
    name: str,
    purpose: str,
    escalates_to: Queue | None,
    lead: User | None,
    calendar: Calendar | None,
    reason: str,
) -> Queue:
    """Everything about a queue but its people. What waits keeps the chain and the clock that it
    was put under."""
    row = Queue.lock(queue.pk)
    if escalates_to is not None and escalates_to.pk == row.pk:
        raise Invalid(
            "A queue does not escalate to itself.", fields={"escalates_to": ["Another one."]}
        )
    if lead is not None and not holds(lead, "approvals.decide"):
        raise Invalid(f"{lead} is no approver.", fields={"lead": ["Is no approver."]})
    row.name, row.purpose = name, purpose
    row.escalates_to, row.lead, row.calendar = escalates_to, lead, calendar
    with acting(reason=reason):
        row.save()
        record(
            type="queue.changed",
            object=row,
            reason=reason,
            after={
                "escalates_to": escalates_to.slug if escalates_to else "",
                "lead": str(lead or ""),
                "calendar": calendar.slug if calendar else "",
            },
        )
    return row


@permitted("approvals.decide")
@transaction.atomic
def lend(
    *,
    actor: User,
    taker: User,
    queue: Queue | None,
    most_risk: str,
    ends_at: dt.datetime,
    reason: str,
    starts_at: dt.datetime | None = None,
) -> Delegation:
    """Lets another approver stand in, for at most sixty days from `starts_at` (now, or a day to
    come: out of office). What was lent to the actor is not lent on; the stand-in's own conflicts
    bar them as ever."""
    moment = starts_at or now()
    if taker.pk == actor.pk:
        raise Invalid("Choose somebody else.", fields={"taker": ["Choose somebody else."]})
    if not holds(taker, "approvals.decide"):
        raise Invalid(f"{taker} is no approver.", fields={"taker": [f"{taker} is no approver."]})
    if not moment < ends_at <= moment + LONGEST_DELEGATION:
        raise Invalid("At most sixty days.", fields={"ends_at": ["Within sixty days."]})
    own = queries.own_queue_ids(actor)
    if not own or (queue is not None and queue.pk not in own):
        raise NotPermitted("You lend only the queues that you were entrusted with yourself.")
    row = Delegation(
        giver=actor,
        taker=taker,
        queue=queue,
        most_risk=most_risk,
        reason=reason,
        starts_at=moment,
        ends_at=ends_at,
    )
    row.save()
    record(
        type="delegation.given",
        object=row,
        reason=reason,
        after={
            "queue": queue.slug if queue else "all",
            "risk": most_risk,
            "starts_at": moment,
            "ends_at": ends_at,
        },
    )
    return row


@transaction.atomic
def take_back(*, actor: User, delegation: Delegation) -> None:
    """Ends it early; giver or taker. Answers given meanwhile stand."""
    row = Delegation.lock(delegation.pk)
    if actor.pk not in (row.giver_id, row.taker_id):
        raise NotPermitted("Giver or stand-in ends a delegation.")
    if not row.compare_and_set(where={"ended_at": None}, ended_at=now()):
        raise Conflict("It has ended already.")
    record(type="delegation.ended", object=row)
