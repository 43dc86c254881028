"""What responders to an incident put in the agents' way, and take away again. Only incidents may
call this (import-linter). A barrier never lets anything through that would not pass without it."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F

from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.registry.models import Agent, Barrier, BarrierClock
from apps.registry.services import bump


def next_number() -> int:
    """The clock's next number; its row makes writers take turns."""
    BarrierClock.objects.get_or_create(pk=1)
    BarrierClock.objects.filter(pk=1).update(number=F("number") + 1)
    return BarrierClock.objects.get(pk=1).number


@transaction.atomic
def place(
    *,
    by: str,
    measure: str,
    reason: str,
    placed_by: str,
    expires_at: dt.datetime,
    agent: Agent | None = None,
    tool: str = "",
    workflow: str = "",
    person: str = "",
    policy: str = "",
    checkpoint: str = "",
) -> Barrier:
    """Holds from the next action on, in every process. `by` is the incident's reference; `person`
    is on whose behalf agents act; `checkpoint` says where people are asked by one that asks."""
    row = Barrier(
        number=next_number(),
        by=by,
        measure=measure,
        agent=agent,
        tool=tool,
        workflow=workflow,
        person=person,
        policy=policy,
        checkpoint=checkpoint,
        placed_by_label=placed_by,
        reason=reason,
        starts_at=now(),
        expires_at=expires_at,
    )
    with acting(reason=reason):
        row.save(force_insert=True)
        bump()
        record(type="barrier.placed", object=row, reason=reason, after={"measure": measure})
    return row


@transaction.atomic
def end(*, barrier: Barrier, reason: str) -> Barrier:
    """Takes it away, by a person or because its time is over. Raises Conflict when it is gone."""
    row: Barrier = Barrier.lock(barrier.pk)
    with acting(reason=reason):
        ended = row.compare_and_set(
            where={"ended_at__isnull": True}, ended_at=now(), ended_number=next_number()
        )
        if not ended:
            raise Conflict("This barrier was lifted already.")
        bump()
        record(type="barrier.ended", object=row, reason=reason)
    return row
