"""Setting up: queues, whom they are entrusted to, stand-ins, checkpoints."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from apps.access.models import User
from apps.access.queries import holds
from apps.access.services import permitted
from apps.approvals import queries
from apps.approvals.models import (
    Checkpoint,
    Delegation,
    Queue,
    Vote,
)
from apps.approvals.rules import satisfiable
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record

LONGEST_DELEGATION = dt.timedelta(days=60)


@permitted("queues.manage")
@transaction.atomic
def create_queue(*, actor: User | None, slug: str, name: str, purpose: str = "") -> Queue:
    queue = Queue(slug=slug, name=name, purpose=purpose)
    queue.save()
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


@permitted("queues.manage")
@transaction.atomic
def withdraw_trust(*, actor: User | None, queue: Queue, user: User, reason: str) -> None:
    """Takes the right; the person's votes on what is still open no longer count."""
    remove_perm("decide_queue", user, queue)
    record(type="queue_right.revoked", object=queue, reason=reason, before={"person": str(user)})
    for vote in Vote.objects.filter(voter=user, void=False, request__status="pending"):
        void_lost_right(vote)


def void_lost_right(vote: Vote) -> None:
    sentence = f"{vote.voter_label} lost the right to decide while the request was open."
    if Vote.objects.filter(pk=vote.pk, void=False).update(void=True, void_reason=sentence[:200]):
        record(type="approval.vote_voided", object=vote.request, reason=sentence)


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
) -> Checkpoint:
    """A checkpoint for policies to name. Refused when nobody, or too few, could ever pass it."""
    if not satisfiable(approvers, queries.eligible_people(queue.pk), ()):
        raise Invalid(
            f"{queue.name} has too few people for {approvers} approvals; entrust it to more first.",
            "unsatisfiable",
        )
    checkpoint = Checkpoint(
        slug=slug,
        title=title,
        queue=queue,
        approvers=approvers,
        respond_within=respond_within,
        decide_within=decide_within,
        hard=hard,
        rate=rate,
    )
    checkpoint.save()
    record(type="checkpoint.created", object=checkpoint)
    return checkpoint


@transaction.atomic
def change_checkpoint(*, checkpoint: Checkpoint, approvers: int, reason: str) -> None:
    """Another number of people, when the council's motion takes effect. Refused when too few
    could ever pass it."""
    row = Checkpoint.lock(checkpoint.pk)
    if not satisfiable(approvers, queries.eligible_people(row.queue_id), ()):
        raise Invalid(f"{row.queue.name} has too few people for {approvers}.", "unsatisfiable")
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
) -> Delegation:
    """Lets another approver stand in, for at most sixty days. What was lent to the actor is not
    lent on; the stand-in's own conflicts bar them as ever."""
    moment = now()
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
        after={"queue": queue.slug if queue else "all", "risk": most_risk, "ends_at": ends_at},
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
