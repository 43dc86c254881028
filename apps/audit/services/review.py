"""Reviews of access. What is revoked is revoked by the owning app's own verb."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

from django.db import transaction

from apps.access.models import RoleAssignment, User
from apps.access.services import permitted, require, take_role
from apps.approvals.models import Delegation, Queue
from apps.approvals.services import take_back, withdraw_trust
from apps.audit.models import ReviewItem, ReviewRound
from apps.audit.queries import access as queries
from apps.common.canonical import digest, plain
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.registry.models import Grant
from apps.registry.services import revoke_grant

CHOICES = ("confirmed", "revoked")


@permitted("access.review")
@transaction.atomic
def start_review(*, actor: User, title: str, due_on: dt.date) -> ReviewRound:
    """Takes down every live right; each is then confirmed or revoked."""
    title = " ".join(title.split())
    if not title or len(title) > 120:
        raise Invalid("Give the review a title of up to 120 characters.")
    if due_on < now().date():
        raise Invalid("The review is due on a day to come.")
    if ReviewRound.objects.filter(closed_at__isnull=True).exists():
        raise Conflict("Another review is open; close it first.")
    found = ReviewRound(title=title, due_on=due_on, started_at=now(), started_by_label=str(actor))
    save_numbered(found)
    rights = queries.rights(actor)
    ReviewItem.objects.bulk_create(
        ReviewItem(
            round=found,
            kind=right.kind,
            ref=right.ref,
            holder_kind=right.holder_kind,
            holder_id=right.holder_id,
            holder=right.holder[:200],
            right=right.right[:300],
            since=right.since,
            given_by=right.given_by[:200],
            last_used_at=right.last_used_at,
            marks=list(right.marks),
        )
        for right in rights
    )
    record(type="review.started", object=found, after={"rights": len(rights), "due_on": due_on})
    return found


def decide(*, actor: User, item_id: uuid.UUID, choice: str, reason: str) -> ReviewItem:
    """Confirms or revokes one right. Nobody reviews their own. To revoke also needs the right to
    take what is taken, and whoever lacks it is refused before anything is written."""
    require(actor, "access.review")
    reason = reason.strip()
    if choice not in CHOICES:
        raise Invalid("Choose to confirm or to revoke.")
    if not reason:
        raise Invalid("Say why: the reason is recorded.")
    item = queries.item(actor, item_id)
    if (item.holder_kind, item.holder_id) == ("person", str(actor.pk)):
        record(
            type="review.refused",
            object=item,
            outcome="denied",
            reason="Their own right.",
            typed=False,
        )
        raise NotPermitted("Nobody reviews their own rights; somebody else decides about this one.")
    if choice == "revoked":
        if item.kind not in REVOKERS:
            raise Invalid("A seat is ended by the council's motion; propose it there.")
        if permission := NEEDED[item.kind]:
            require(actor, permission)
    return settle(actor, item, choice, reason)


@transaction.atomic
def settle(actor: User, item: ReviewItem, choice: str, reason: str) -> ReviewItem:
    found = ReviewRound.objects.select_for_update().get(pk=item.round_id)
    if found.closed_at is not None:
        raise Conflict("This review is closed.")
    decision = choice
    if choice == "revoked":
        try:
            with transaction.atomic():
                REVOKERS[item.kind](actor, item.ref, f"{found.reference}: {reason}")
        except Gone:
            decision = "gone"
    rows = ReviewItem.objects.filter(pk=item.pk, decision="").update(
        decision=decision,
        reason=reason[:500],
        decided_by_label=str(actor),
        decided_at=now(),
    )
    if not rows:
        raise Conflict("Somebody decided about this right already.")
    item.refresh_from_db()
    record(
        type="review.decided",
        object=item,
        outcome="done",
        reason=reason,
        after={"decision": decision, "kind": item.kind, "right": item.right, "holder": item.holder},
    )
    return item


class Gone(Refused):
    """The right had ended before it could be revoked."""


def end_role(actor: User, ref: str, reason: str) -> None:
    row = RoleAssignment.objects.filter(pk=ref, ends_at__isnull=True).first()
    if row is None:
        raise Gone("The role was taken already.")
    take_role(actor=actor, assignment_id=row.pk, reason=reason)


def end_queue_right(actor: User, ref: str, reason: str) -> None:
    queue_id, _, user_id = ref.partition("/")
    queue, user = Queue.objects.filter(pk=queue_id).first(), User.objects.filter(pk=user_id).first()
    if queue is None or user is None or not user.has_perm("approvals.decide_queue", queue):
        raise Gone("The right was taken already.")
    withdraw_trust(actor=actor, queue=queue, user=user, reason=reason)


def end_delegation(actor: User, ref: str, reason: str) -> None:
    row = Delegation.objects.filter(pk=ref, ended_at__isnull=True).first()
    if row is None:
        raise Gone("It has ended already.")
    take_back(actor=actor, delegation=row)


def end_grant(actor: User, ref: str, reason: str) -> None:
    row = Grant.objects.filter(pk=ref, revoked_at__isnull=True).first()
    if row is None:
        raise Gone("The permission was revoked already.")
    revoke_grant(actor=actor, grant=row, reason=reason)


REVOKERS: dict[str, Callable[[User, str, str], None]] = {
    "role": end_role,
    "queue": end_queue_right,
    "delegation": end_delegation,
    "grant": end_grant,
}
NEEDED = {
    "role": "people.manage",
    "queue": "queues.manage",
    "delegation": "",
    "grant": "grants.revoke",
}


@permitted("access.review")
@transaction.atomic
def close_review(*, actor: User, round_id: uuid.UUID) -> ReviewRound:
    """Closes a review that has an answer for every right, and seals its result in the ledger."""
    found = ReviewRound.objects.select_for_update().get(pk=round_id)
    if found.closed_at is not None:
        raise Conflict("This review is closed already.")
    items = queries.items(found)
    left = sum(not item.decision for item in items)
    if left:
        raise Invalid(f"{left} rights are not decided yet.")
    counts = {
        choice: sum(item.decision == choice for item in items)
        for choice in ("confirmed", "revoked", "gone")
    }
    result = digest([content(item) for item in sorted(items, key=lambda item: str(item.pk))])
    ReviewRound.objects.filter(pk=found.pk).update(
        closed_at=now(), closed_by_label=str(actor), result_digest=result
    )
    found.refresh_from_db()
    record(type="review.closed", object=found, after={**counts, "result_digest": result})
    return found


def content(item: ReviewItem) -> dict[str, object]:
    names = [field.attname for field in ReviewItem._meta.concrete_fields]
    return {name: plain(getattr(item, name)) for name in names}
