"""Reads of the inventory and of what was uploaded, for one reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent
from apps.readiness.mining.levels import quadrant
from apps.readiness.models import (
    Assessment,
    Interview,
    Log,
    Process,
    System,
    Table,
)
from apps.readiness.queries.assessments import higher_waits, newest_of_all
from apps.readiness.states import InterviewStatus, WorkStatus


def processes(reader: User) -> QuerySet[Process]:
    if not holds(reader, "readiness.view"):
        return Process.objects.none()  # type: ignore[no-any-return]
    return Process.objects.select_related("owner", "department").order_by("name")  # type: ignore[no-any-return]


def process_named(reader: User, slug: str) -> Process:
    found = processes(reader).filter(slug=slug).first()
    if found is None:
        raise Absent
    return found


def systems(reader: User) -> QuerySet[System]:
    if not holds(reader, "readiness.view"):
        return System.objects.none()  # type: ignore[no-any-return]
    return System.objects.select_related("owner").order_by("name")  # type: ignore[no-any-return]


R = TypeVar("R", bound=Model)


def numbered(reader: User, rows: QuerySet[R], number: int) -> R:
    """The row of this number, for who may see the readiness map."""
    found = rows.filter(number=number).first() if holds(reader, "readiness.view") else None
    if found is None:
        raise Absent
    return found


def log_numbered(reader: User, number: int) -> Log:
    return numbered(reader, Log.objects.select_related("process__owner"), number)


def table_numbered(reader: User, number: int) -> Table:
    return numbered(reader, Table.objects.select_related("source__process__owner"), number)


def interview_numbered(reader: User, number: int) -> Interview:
    rows = Interview.objects.select_related("process__owner", "answered_by", "judged_by")
    return numbered(reader, rows, number)


def assessment_numbered(reader: User, number: int) -> Assessment:
    rows = Assessment.objects.select_related("process__owner", "log", "accepted_by")
    return numbered(reader, rows, number)


@dataclass(frozen=True)
class Row:
    """One line of the portfolio. `place`: pilot_now, fix_first, later, leave, or "" where the value
    or the readiness is not known."""

    process: Process
    counts: Assessment | None
    place: str
    waits: bool  # a higher level waits for the council


@dataclass(frozen=True)
class Portfolio:
    """Every process, the readiest first, and the middle of their hours a year."""

    rows: list[Row]
    middle: float


def portfolio(reader: User) -> Portfolio:
    counting = {row.process_id: row for row in newest_of_all()}
    hours = sorted(row.hours for row in counting.values() if row.hours)
    middle = hours[len(hours) // 2] if hours else 0.0
    rows = [row_of(each, counting.get(each.pk), middle) for each in processes(reader)]
    rows.sort(key=lambda row: (-(row.counts.low or 0) if row.counts else 1, row.process.name))
    return Portfolio(rows, middle)


def row_of(process: Process, counts: Assessment | None, middle: float) -> Row:
    place = ""
    if counts is not None and counts.hours is not None and counts.low is not None:
        place = quadrant(counts.hours, counts.low, middle, blocked=bool(counts.blocked))
    return Row(process, counts, place, higher_waits(process, counts))


def under_way(process: Process) -> list[Log | Assessment | Table]:
    """What a worker reads or computes for the process now, or what waits for an answer."""
    states = (WorkStatus.DRAFT, WorkStatus.QUEUED, WorkStatus.WORKING)
    return [
        *Log.objects.filter(process=process, status__in=states),
        *Table.objects.filter(source__process=process, status__in=states),
        *Assessment.objects.filter(process=process, status__in=states).defer("results"),
    ]


def interviews_of(process: Process) -> QuerySet[Interview]:
    """All that was answered about the process, newest first."""
    rows = Interview.objects.select_related("answered_by", "judged_by")
    return rows.filter(process=process).order_by("-answered_at")


def counting(process: Process) -> Interview | None:
    """The answers that count: the countersigned ones."""
    return interviews_of(process).filter(status=InterviewStatus.COUNTERSIGNED).first()


def newest_tables(process: Process) -> list[Table]:
    """The newest checked table of every source."""
    newest: dict[int, Table] = {}
    rows = Table.objects.filter(source__process=process, status=WorkStatus.READY)
    for row in rows.order_by("source_id", "-created_at", "-id")[:500]:
        newest.setdefault(row.source_id, row)
    return list(newest.values())


def users_of_systems() -> dict[str, list[tuple[str, str]]]:
    """System → the processes (slug, name) whose newest measurement passed through it."""
    found: dict[str, list[tuple[str, str]]] = {}
    fields = ("process__slug", "process__name", "results__systems__nodes")
    for slug, name, nodes in newest_of_all().values_list(*fields).order_by("process__name"):
        for node in nodes or ():
            found.setdefault(node["name"], []).append((slug, name))
    return found


def missing(process: Process) -> list[str]:
    """What the inventory does not say yet, in words, the weightiest first."""
    told = [
        (process.owner_id is None, "Nobody owns it: agents stay out until somebody does."),
        (not process.lawful_basis.strip(), "On what lawful ground it is done."),
        (not process.steps and not process.bpmn, "How it is documented: conformance is unknown."),
        (not process.activities.exists(), "Which steps do harm and which can be undone."),
        (not process.volume, "How many cases there are a year."),
        (not process.minutes, "How many minutes of work a case takes."),
        (process.procedure_on is None, "When the procedure was last looked at."),
        (not process.escalation.strip(), "Whom to ask when something is out of the ordinary."),
        (not process.reviewer_hours, "How many hours a week people have to review agents."),
    ]
    return [words for lacking, words in told if lacking]
