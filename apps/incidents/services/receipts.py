"""Whether what a containment asked for holds at each point that enforces it, and later whether it
is gone: asked at once, and by the sweep until all have confirmed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from django.db import transaction

from apps.common.bell import ring
from apps.common.clock import now
from apps.incidents import queries
from apps.incidents.models import Containment, Incident, Receipt
from apps.incidents.states import Measure, Point
from apps.ledger.services import record
from apps.registry.models import Agent, Grant
from apps.registry.states import AgentStatus
from apps.runtime import processes
from apps.runtime.models import Process
from apps.runtime.states import ProcessKind

OWED = 500
TASK = "apps.incidents.tasks.sweep_receipts"
POINT_OF = {ProcessKind.WEB: Point.GATEWAY, ProcessKind.WORKER: Point.WORKER}


def owe(row: Containment) -> None:
    """One receipt of each point that has a part in the measure, from the moment of the click; one
    of each process that could let an action through."""
    points = [Point.REGISTRY]
    if row.measure in (Measure.SUSPEND, Measure.STOP):
        points += [Point.APPROVALS, Point.ORCHESTRATION]
    made = [receipt(row, point, row.asked_at) for point in points]
    Receipt.objects.bulk_create([*made, *of_processes(row, row.asked_at, removal=False)])


def owe_removal(row: Containment) -> None:
    """The same for the end: that the registry has dropped it, and every process has seen that."""
    moment = row.lifted_at or now()
    first = receipt(row, Point.REGISTRY, moment, removal=True)
    Receipt.objects.bulk_create([first, *of_processes(row, moment, removal=True)])
    transaction.on_commit(partial(watch, row.incident))


def receipt(row: Containment, point: str, asked_at: dt.datetime, *, removal: bool = False,
            process: str = "") -> Receipt:  # fmt: skip
    return Receipt(
        incident=row.incident, containment=row, point=point, asked_at=asked_at, removal=removal,
        process=process,
    )  # fmt: skip


def of_processes(row: Containment, asked_at: dt.datetime, *, removal: bool) -> list[Receipt]:
    if row.barrier is None:
        return []
    return [
        receipt(row, POINT_OF[ProcessKind(each.kind)], asked_at, removal=removal, process=each.name)
        for each in processes.alive(asked_at)
    ]


def watch(incident: Incident) -> None:
    """Asks a worker to look at the receipts closely for some seconds. A broker that is down loses
    nothing: the sweep comes by anyway."""
    ring(TASK, incident.number, queue="control")


def collect(incident: Incident | None = None) -> int:
    """Asks every point that still owes a receipt. Answers how many confirmed; the last one of a
    measure is an act on record, with the time from the click."""
    rows = Receipt.objects.filter(confirmed_at=None, containment__isnull=False)
    rows = rows.select_related("incident", "containment__barrier")
    if incident is not None:
        rows = rows.filter(incident=incident)
    return sum(confirmed(row) for row in rows.order_by("asked_at", "pk")[:OWED])


def confirmed(row: Receipt) -> bool:
    """Looks at one point. What a process tells of itself counts from when it said so."""
    moment = now()
    left, holds, at = answer(row, moment)
    open_ = Receipt.objects.filter(pk=row.pk, confirmed_at=None)
    if left:
        open_.update(looked_at=moment, words=left)
        return False
    with transaction.atomic():
        if not open_.update(looked_at=moment, words=holds, confirmed_at=at or moment):
            return False
        owed = Receipt.objects.filter(
            containment=row.containment, removal=row.removal, confirmed_at=None
        )
        if row.containment is not None and not owed.exists():
            told(row.containment, removal=row.removal)
    return True


Answer = tuple[str, str, dt.datetime | None]


def answer(row: Receipt, moment: dt.datetime) -> Answer:
    """(what is still left, what holds, since when the point has known)."""
    containment = row.containment
    if containment is None:
        return "", "", None
    if row.process:
        return of_process(row, containment, moment)
    if row.removal:
        return "", "It is lifted: the gate heeds it no more.", None
    left = CHECKS[Point(row.point)](containment)
    return left, HOLDS[Point(row.point)], None


def of_process(row: Receipt, containment: Containment, moment: dt.datetime) -> Answer:
    barrier = containment.barrier
    wanted = (barrier.ended_number if row.removal else barrier.number) if barrier else None
    found = Process.objects.filter(pk=row.process).first()
    if found is None or moment - found.at > processes.SILENT:
        return "", "It has ended: it lets nothing through any more.", None
    if wanted is None or found.seen < wanted:
        return f"It was last at no. {found.seen}.", "", None
    return "", f"It has seen no. {found.seen}.", max(found.seen_at, row.asked_at)


def told(row: Containment, *, removal: bool) -> None:
    """Every point has confirmed."""
    rows = Receipt.objects.filter(containment=row, removal=removal)
    last = max(each.confirmed_at for each in rows if each.confirmed_at)
    asked = row.lifted_at if removal and row.lifted_at else row.asked_at
    changed = {"removed_at": last} if removal else {"confirmed_at": last}
    Containment.objects.filter(pk=row.pk).update(**changed)
    record(
        type="incident.removal_confirmed" if removal else "incident.containment_confirmed",
        object=row.incident,
        reason="Every point has confirmed.",
        after={
            "measure": str(row),
            "milliseconds": round((last - asked).total_seconds() * 1000),
        },
        typed=False,
    )


def registered(row: Containment) -> str:
    agent = Agent.objects.filter(slug=row.target).first() if row.place == "agent" else None
    if row.measure == Measure.SUSPEND and agent and agent.status == AgentStatus.ACTIVE:
        return "The agent is at work."
    if row.measure == Measure.REVOKE and agent:
        left = Grant.objects.filter(agent=agent, revoked_at=None).count()
        return f"It still holds {left} permissions." if left else ""
    return ""


def asked(row: Containment) -> str:
    waiting = queries.waiting(row.place, row.target)[:1_000].count()
    return f"{waiting} questions about it still wait." if waiting else ""


def running(row: Containment) -> str:
    steps = queries.running(row.place, row.target)
    return f"{steps} of its steps still run." if steps else ""


CHECKS: dict[Point, Callable[[Containment], str]] = {
    Point.REGISTRY: registered,
    Point.APPROVALS: asked,
    Point.ORCHESTRATION: running,
}
HOLDS = {
    Point.REGISTRY: "It stands: the gate reads this before every action.",
    Point.APPROVALS: "No question about it waits.",
    Point.ORCHESTRATION: "None of its steps runs.",
}
