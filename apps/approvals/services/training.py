"""Training: given by people, taken away by missed items, restored by retraining."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import notices, queries
from apps.approvals.models import TrainingRecord
from apps.common.acting import acting, current
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.registry.states import Risk

LONGEST_DAYS = 730


@permitted("people.manage")
@transaction.atomic
def record_training(
    *, actor: User | None, user: User, most_risk: str, course: str, days: int
) -> TrainingRecord:
    """Notes that a person was trained to decide up to a risk. Nobody notes it for themselves; an
    earlier record ends, so that one says what holds."""
    if actor is not None and actor.pk == user.pk:
        raise NotPermitted("Nobody records their own training.")
    if most_risk not in Risk.values:
        raise Invalid("Choose a risk.", fields={"most_risk": ["Choose one."]})
    if not course.strip():
        raise Invalid("Name the training.", fields={"course": ["Name the training."]})
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid("At most two years.", fields={"days": [f"1 to {LONGEST_DAYS} days."]})
    moment = now()
    for former in TrainingRecord.objects.filter(user=user, ended_at=None):
        former.compare_and_set(where={"ended_at": None}, ended_at=moment)
    row = TrainingRecord(
        user=user,
        most_risk=most_risk,
        course=course.strip(),
        given_by_label=current().label[:200],
        starts_at=moment,
        expires_at=moment + dt.timedelta(days=days),
    )
    row.save()
    record(
        type="training.recorded",
        object=row,
        reason=row.course,
        after={"person": str(user), "most_risk": most_risk, "expires_at": row.expires_at},
    )
    return row


@permitted("people.manage")
@transaction.atomic
def end_training(*, actor: User | None, training: TrainingRecord, reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    row = TrainingRecord.lock(training.pk)
    with acting(reason=reason):
        if not row.compare_and_set(where={"ended_at": None}, ended_at=now(), note=reason[:300]):
            raise Conflict("It has ended already.")
        record(type="training.ended", object=row, reason=reason)


@transaction.atomic
def lower(*, user: User, reason: str) -> TrainingRecord | None:
    """Takes the highest risk away from a person; None where there is nothing left to take. A
    person at the lowest risk has none left until they are trained again."""
    held = queries.live_training().filter(user=user).select_for_update()
    row = max(held, key=lambda each: Risk.values.index(each.most_risk), default=None)
    if row is None:
        return None
    place = Risk.values.index(row.most_risk)
    before = row.most_risk
    changes = {"most_risk": Risk.values[place - 1]} if place else {"ended_at": now()}
    with acting(reason=reason):
        if not row.compare_and_set(
            where={"most_risk": before, "ended_at": None}, note=reason[:300], **changes
        ):
            return None
        record(
            type="training.lowered",
            object=row,
            reason=reason,
            before={"most_risk": before},
            after={"most_risk": changes.get("most_risk", "none")},
        )
    words = f"up to {row.most_risk} risk" if place else "no risk until you are trained again"
    notices.tell(users=[user], title=f"You decide {words}: {reason}", url=PLACE, urgent=True)
    return row


PLACE = "/inbox/my-vigilance"
