"""What falls on which day: sittings, periods, ballots, waiting times, measures, certifications."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from django.urls import reverse
from django.utils import timezone

from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now
from apps.council.calendar import Entry
from apps.council.models import Measure, Motion, Question, Sitting
from apps.council.queries.agenda import certifications
from apps.council.rules import REPORT_DAYS
from apps.council.states import MeasureStatus, MotionStatus, QuestionStatus, SittingStatus

AHEAD = dt.timedelta(days=200)
MOST = 500
DATES = {
    MotionStatus.COMMENT: ("comment_ends_at", "Comments end"),
    MotionStatus.INQUORATE: ("comment_ends_at", "Second ballot opens"),
    MotionStatus.BALLOT: ("ballot_closes_at", "Ballot closes"),
    MotionStatus.WAITING: ("effective_at", "Takes effect"),
}


def calendar(reader: User, day: dt.timedelta) -> list[Entry]:
    """Every date to come (and what is overdue), in order. `day` is how long a council day is."""
    if not holds(reader, "council.view"):
        return []
    found = [*dates(day), *of_standing()]
    return sorted(found, key=lambda entry: entry.at)


def dates(day: dt.timedelta, reports: Sequence[Measure] | None = None) -> list[Entry]:
    """Everything but what is to be looked at again, which the agenda lists one by one. `reports`
    are those outstanding, where the caller has read them."""
    reports = unreported() if reports is None else reports
    found = [*of_motions(), *of_questions(), *of_sittings(), *of_measures(day, reports)]
    return sorted(found, key=lambda entry: entry.at)


def of_motions() -> Iterator[Entry]:
    for motion in Motion.objects.filter(status__in=DATES).order_by("number")[:MOST]:
        field, kind = DATES[MotionStatus(motion.status)]
        at = getattr(motion, field)
        if at is not None:
            url = reverse("council:motion", args=[motion.number])
            yield Entry(f"{motion.pk}-{field}", at, kind, str(motion), url)


def of_questions() -> Iterator[Entry]:
    rows = Question.objects.filter(status=QuestionStatus.OPEN).select_related("motion", "about")
    for row in rows.order_by("closes_at")[:MOST]:
        url = reverse("council:motion", args=[row.motion.number])
        yield Entry(str(row.pk), row.closes_at, "Members decide", str(row), url)


def of_sittings() -> Iterator[Entry]:
    open_ones = (SittingStatus.PLANNED, SittingStatus.OPEN)
    for row in Sitting.objects.filter(status__in=open_ones).order_by("starts_at")[:MOST]:
        url = reverse("council:sitting", args=[row.number])
        yield Entry(str(row.pk), row.starts_at, "Sitting", str(row), url)


def of_measures(day: dt.timedelta, reports: Sequence[Measure]) -> Iterator[Entry]:
    running = Measure.objects.filter(status=MeasureStatus.IN_FORCE, ends_at__isnull=False)
    for row in running.order_by("ends_at")[:MOST]:
        url = reverse("council:measure", args=[row.number])
        yield Entry(f"{row.pk}-end", row.ends_at or now(), "Measure lapses", str(row), url)
    for row in reports:
        url = reverse("council:measure", args=[row.number])
        due = (row.began_at or row.asked_at) + REPORT_DAYS * day
        yield Entry(f"{row.pk}-report", due, "Report due", str(row), url)


def unreported() -> list[Measure]:
    """Measures that were in force, and on which nobody has reported yet."""
    rows = Measure.objects.filter(began_at__isnull=False, reported_at=None)
    return list(rows.select_related("asked_by", "seconded_by").order_by("began_at")[:MOST])


def of_standing() -> Iterator[Entry]:
    """What is to be certified: one entry for each day and kind, however many rows."""
    until = (now() + AHEAD).date()
    counted = Counter((row.due_on, row.object_type) for row in certifications(until))
    for (day, kind), number in counted.items():
        words = {"grant": "permission", "policy": "policy"}[kind]
        many = {"grant": "permissions", "policy": "policies"}[kind]
        title = f"{number} {words if number == 1 else many}"
        at = dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())
        url = reverse("council:council") + "#standing"
        yield Entry(f"{kind}-{day}", at, "To be certified", title, url, whole_day=True)


def by_day(entries: Sequence[Entry]) -> list[tuple[dt.date, list[Entry]]]:
    """Days in the reader's zone."""
    days = itertools.groupby(entries, key=lambda entry: timezone.localtime(entry.at).date())
    return [(day, list(found)) for day, found in days]
