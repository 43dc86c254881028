"""Reads of the inventory and of what was uploaded, for one reader."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent
from apps.readiness.models import (
    Assessment,
    Interview,
    Log,
    Process,
    System,
    Table,
)
from apps.readiness.queries.assessments import newest_of_all
from apps.readiness.states import InterviewStatus, Level, WorkStatus


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


def log_numbered(reader: User, number: int) -> Log:
    found = None
    if holds(reader, "readiness.view"):
        found = Log.objects.select_related("process__owner").filter(number=number).first()
    if found is None:
        raise Absent
    return found


def table_numbered(reader: User, number: int) -> Table:
    found = None
    if holds(reader, "readiness.view"):
        rows = Table.objects.select_related("source__process__owner")
        found = rows.filter(number=number).first()
    if found is None:
        raise Absent
    return found


def interview_numbered(reader: User, number: int) -> Interview:
    found = None
    if holds(reader, "readiness.view"):
        rows = Interview.objects.select_related("process__owner", "answered_by", "judged_by")
        found = rows.filter(number=number).first()
    if found is None:
        raise Absent
    return found


@dataclass(frozen=True)
class Row:
    """One line of the portfolio. `place`: pilot_now, fix_first, later, leave, or "" where the value
    or the readiness is not known."""

    process: Process
    counts: Assessment | None
    place: str
    level: int
    waits: bool  # a higher level waits for the council


def portfolio(reader: User) -> list[Row]:
    """Every process with the assessment that counts, the readiest first."""
    counting = {row.process_id: row for row in newest_of_all()}
    hours = sorted(row.hours for row in counting.values() if row.hours)
    middle = hours[len(hours) // 2] if hours else 0.0
    rows = [row_of(each, counting.get(each.pk), middle) for each in processes(reader)]
    return sorted(rows, key=lambda row: (-(row.counts.low or 0) if row.counts else 1, row.level))


READY = 0.70


def row_of(process: Process, counts: Assessment | None, middle: float) -> Row:
    place = ""
    if counts is not None and counts.hours is not None and counts.low is not None:
        valuable, ready = counts.hours >= middle, counts.low >= READY and not counts.blocked
        place = ("pilot_now" if ready else "fix_first") if valuable else (
            "later" if ready else "leave")  # fmt: skip
    higher = counts is not None and counts.level > max(process.level, Level.NOT_YET)
    return Row(process, counts, place, process.level, higher)


def under_way(process: Process) -> list[Log | Assessment | Table]:
    """What a worker reads or computes for the process now, or what waits for an answer."""
    states = (WorkStatus.DRAFT, WorkStatus.QUEUED, WorkStatus.WORKING)
    return [
        *Log.objects.filter(process=process, status__in=states),
        *Table.objects.filter(source__process=process, status__in=states),
        *Assessment.objects.filter(process=process, status__in=states).defer("results"),
    ]


def waiting_interview(process: Process) -> Interview | None:
    rows = Interview.objects.select_related("answered_by")
    return rows.filter(process=process, status=InterviewStatus.ANSWERED).first()


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
