"""Business hours of the queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfoNotFoundError

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import hours as clock
from apps.approvals.models import ApprovalRequest, Calendar, Queue
from apps.common.acting import acting
from apps.common.errors import Invalid
from apps.ledger.services import record


def week(calendar: Calendar | None) -> clock.Week | None:
    """The calendar as the clock reads it; None runs day and night."""
    if calendar is None:
        return None
    return clock.week_of(calendar.zone, calendar.hours, calendar.days_off)


@permitted("queues.manage")
@transaction.atomic
def save_calendar(
    *,
    actor: User | None,
    slug: str,
    name: str,
    zone: str,
    hours: Mapping[str, Sequence[str]],
    days_off: Sequence[str],
    reason: str = "",
) -> Calendar:
    """Creates or changes a calendar. What waits keeps its deadlines (see `renew_deadlines`).
    Raises Invalid for hours, days or a zone that cannot be read."""
    try:
        clock.week_of(zone, hours, days_off)
    except (ValueError, LookupError, OSError, ZoneInfoNotFoundError) as error:
        raise Invalid(f"The calendar cannot be read: {error}") from None
    calendar = Calendar.objects.filter(slug=slug).first() or Calendar(slug=slug)
    calendar.name, calendar.zone = name, zone
    calendar.hours, calendar.days_off = dict(hours), sorted(days_off)
    with acting(reason=reason):
        calendar.save()
        record(type="calendar.saved", object=calendar, reason=reason)
    return calendar  # type: ignore[no-any-return]


@permitted("queues.manage")
@transaction.atomic
def renew_deadlines(*, actor: User | None, queue: Queue, reason: str) -> int:
    """Computes the deadlines of what waits in a queue anew, from when each was asked, by the
    queue's calendar as it stands now. On record, with the number of requests."""
    if not reason.strip():
        raise Invalid("Say why the deadlines are computed anew.", fields={"reason": ["Say why."]})
    row = Queue.lock(queue.pk)
    hours = week(row.calendar)
    renewed = 0
    open_requests = ApprovalRequest.objects.select_for_update(of=("self",)).filter(
        queue=row, status="pending"
    )
    for request in open_requests:
        within = int(request.rule.get("within", 0))
        if not within:
            continue
        first = request.checkpoints.select_related("checkpoint").order_by("pk")[0]
        times = clock.deadlines(request.created_at, first.checkpoint.respond_within, within, hours)
        renewed += ApprovalRequest.objects.filter(pk=request.pk, status="pending").update(
            respond_by=times.respond_by,
            escalate_at=times.escalate_at,
            lead_at=times.lead_at,
            decide_by=times.decide_by,
        )
    record(type="queue.deadlines_renewed", object=row, reason=reason, after={"requests": renewed})
    return renewed
