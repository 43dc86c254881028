"""Who works on what: resources are taken all or none, in key order, and given back with the step.

Every transaction locks its own step first and then resources in key order, and none of those that
hold a resource's row waits for somebody else's step: so nobody waits in a circle."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from apps.common.clock import now
from apps.orchestration.models import Lease, Precedence, Resource, Step
from apps.orchestration.rules import Claimant, next_ones
from apps.orchestration.services.moves import move_step, post
from apps.orchestration.states import GOING_RUNS, Kind, RunStatus, StepStatus
from apps.registry.states import AgentStatus

MOST = 500


def acquire(step: Step, keys: Mapping[str, bool]) -> dict[str, int] | None:
    """Holds the resources for a step that its worker has just claimed, and answers with a fence
    for each; or None, and the step stands in line. In the caller's transaction."""
    fences = {key: lock(key) for key in sorted(keys)}
    moment = now()
    others = list(Lease.objects.filter(resource_id__in=fences).exclude(step=step))
    may = not others or first_in_line(step, keys, others, moment)
    rows = [
        Lease(
            resource_id=key,
            step=step,
            exclusive=alone,
            granted=may,
            fence=fences[key] if may else 0,
            asked_at=moment,
        )
        for key, alone in sorted(keys.items())
    ]
    Lease.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["resource", "step"],
        update_fields=["granted", "fence", "exclusive"],
    )
    return fences if may else None


def lock(key: str) -> int:
    """Locks a resource's row, which it makes if need be, and moves its fence on."""
    table = Resource._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, fence) VALUES (%s, 1) ON CONFLICT (key)"  # noqa: S608
            f" DO UPDATE SET fence = {table}.fence + 1 RETURNING fence",
            [key],
        )
        return int(cursor.fetchone()[0])


def first_in_line(step: Step, keys: Mapping[str, bool], others: list[Lease], moment: Any) -> bool:
    held: dict[str, bool] = {}
    for row in others:
        if row.granted:
            held[row.resource_id] = held.get(row.resource_id, False) or row.exclusive
    asked = Lease.objects.filter(step=step).order_by("asked_at").first()
    ranks = ranks_of([step.agent_id])
    rank, kind = ranks.get(step.agent_id, (0, Kind.BUSINESS.value))
    own = Claimant(str(step.pk), keys, rank, kind, asked.asked_at if asked else moment)
    waiting = claimants([row.step_id for row in others if not row.granted])
    return own.step in next_ones([own, *waiting], held, moment)


def ranks_of(agent_ids: Iterable[int]) -> dict[int, tuple[int, str]]:
    rows = Precedence.objects.filter(agent_id__in=agent_ids)
    return {pk: (rank, kind) for pk, rank, kind in rows.values_list("agent_id", "rank", "kind")}


def claimants(step_ids: Iterable[uuid.UUID]) -> list[Claimant]:
    """The steps among these that could go on if they had their resources. One whose run is paused
    or whose agent is suspended stands in nobody's way."""
    going = Q(
        step__run__status__in=GOING_RUNS,
        step__agent__status=AgentStatus.ACTIVE,
        step__compensates__isnull=True,
    ) | Q(step__run__status=RunStatus.COMPENSATING, step__compensates__isnull=False)
    rows = Lease.objects.filter(
        going,
        step_id__in=list(step_ids),
        granted=False,
        step__status__in=[StepStatus.AWAITING_RESOURCE, StepStatus.READY],
    ).select_related("step")
    by_step: dict[uuid.UUID, list[Lease]] = {}
    for row in rows:
        by_step.setdefault(row.step_id, []).append(row)
    ranks = ranks_of({found[0].step.agent_id for found in by_step.values()})
    return [
        Claimant(
            str(pk),
            {row.resource_id: row.exclusive for row in found},
            *ranks.get(found[0].step.agent_id, (0, Kind.BUSINESS.value)),
            min(row.asked_at for row in found),
        )
        for pk, found in by_step.items()
    ]


def release(step_id: uuid.UUID, keys: Iterable[str]) -> None:
    """Gives back what a step held. The rows are locked once more, so that a step which is about to
    stand in line is seen by whoever wakes the line afterwards."""
    names = sorted(keys)
    locked = Resource.objects.select_for_update().filter(pk__in=names).order_by("pk")
    if connection.features.has_select_for_update:
        list(locked.values_list("pk"))
    Lease.objects.filter(step_id=step_id).delete()
    transaction.on_commit(partial(wake_line, names))


def give_back(step: Step, to: str, **fields: Any) -> bool:
    """Ends or parks a running step outside the gate, with what it held."""
    with transaction.atomic():
        if not move_step(step, to, lease_until=None, **fields):
            return False
        release(step.pk, step.fences)
        post("advance", step.run_id)
    return True


def wake_line(keys: Iterable[str]) -> int:
    """Puts those back to work who may have what they wait for, in the order of precedence."""
    asking = Lease.objects.filter(
        resource_id__in=list(keys), granted=False, step__status=StepStatus.AWAITING_RESOURCE
    )
    steps = list(asking.values_list("step_id", flat=True).distinct()[:MOST])
    if not steps:
        return 0
    waiting = claimants(steps)
    wanted = {key for one in waiting for key in one.keys}
    held: dict[str, bool] = {}
    for row in Lease.objects.filter(resource_id__in=wanted, granted=True):
        held[row.resource_id] = held.get(row.resource_id, False) or row.exclusive
    woken = next_ones(waiting, held, now())
    return sum(wake(pk) for pk in woken)


def wake(step_id: str) -> bool:
    with transaction.atomic():
        step = Step.objects.filter(pk=step_id, status=StepStatus.AWAITING_RESOURCE).first()
        if step is None or not move_step(step, StepStatus.READY):
            return False
        post("perform", step.pk)
        post("advance", step.run_id)
    return True


def sweep_leases() -> None:
    """Gives back what dead steps hold, drops what nobody waits for any more, and wakes the line
    should its signal have been lost."""
    waits = [StepStatus.AWAITING_RESOURCE, StepStatus.READY]
    stale = Lease.objects.filter(granted=True).exclude(step__status=StepStatus.RUNNING)
    gone = Lease.objects.filter(granted=False).exclude(step__status__in=waits)
    for rows in (stale, gone):
        for pk in rows.order_by().values_list("step_id", flat=True).distinct()[:MOST]:
            drop(pk)
    asking = Lease.objects.filter(granted=False, step__status=StepStatus.AWAITING_RESOURCE)
    wake_line(asking.order_by().values_list("resource_id", flat=True).distinct()[:MOST])


def drop(step_id: uuid.UUID) -> None:
    """Under the step's lock: a step that has been claimed again meanwhile keeps what it holds."""
    with transaction.atomic():
        step = Step.objects.select_for_update().get(pk=step_id)
        if step.status == StepStatus.RUNNING:
            return
        keys = list(Lease.objects.filter(step=step).values_list("resource_id", flat=True))
        if keys and step.status not in (StepStatus.AWAITING_RESOURCE, StepStatus.READY):
            release(step.pk, keys)
        elif keys:
            Lease.objects.filter(step=step, granted=True).update(granted=False)
            transaction.on_commit(partial(wake_line, keys))
