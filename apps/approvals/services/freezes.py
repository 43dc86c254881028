"""Times in which nothing passes by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import queries
from apps.approvals.models import Freeze, Queue
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.registry.models import Tool


@permitted("queues.manage")
@transaction.atomic
def plan_freeze(
    *,
    actor: User | None,
    name: str,
    queue: Queue,
    tools: Sequence[str],
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    reason: str,
) -> Freeze:
    """From the first to the last moment, what sampling or a standing approval would let through is
    decided by the people of `queue`. Refused where nobody could decide."""
    if not starts_at < ends_at or ends_at <= now():
        raise Invalid("A freeze ends after it starts.", fields={"ends_at": ["After the start."]})
    if not queries.eligible_people(queue.pk):
        raise Invalid(f"Nobody is entrusted with {queue.name}.", fields={"queue": ["Is empty."]})
    known = set(Tool.objects.filter(name__in=tools).values_list("name", flat=True))
    if unknown := sorted(set(tools) - known):
        raise Invalid(f"There is no tool {unknown[0]}.", fields={"tools": ["Unknown tool."]})
    row = Freeze(
        name=name,
        queue=queue,
        tools=sorted(tools),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
    )
    with acting(reason=reason):
        row.save()
        record(type="freeze.planned", object=row, reason=reason)
    return row


@permitted("queues.manage")
@transaction.atomic
def end_freeze(*, actor: User | None, freeze: Freeze, reason: str) -> None:
    row = Freeze.lock(freeze.pk)
    if not row.compare_and_set(where={"ended_at": None}, ended_at=now()):
        raise Conflict("It has ended already.")
    record(type="freeze.ended", object=row, reason=reason)
