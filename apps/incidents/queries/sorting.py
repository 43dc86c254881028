"""The ways in which incidents are listed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db.models import Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.common.sorting import Column, Sort
from apps.incidents.models import Incident, RegulatoryClock

NEVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
NEWEST = Column("detected_at", dt.datetime, down=True)
SORTS: dict[str, Sort] = {
    each.code: each
    for each in (
        Sort("newest", "Newest first", (NEWEST,)),
        Sort("oldest", "Oldest first", (Column("detected_at", dt.datetime),)),
        Sort("severity", "Gravest first", (Column("severity", int), NEWEST)),
        Sort("due", "Next legal period first", (Column("next_due", dt.datetime), NEWEST)),
    )
}


def open_periods() -> QuerySet[RegulatoryClock]:
    return RegulatoryClock.objects.filter(met_at=None, set_aside_at=None, replaced_at=None)


def for_sort(rows: QuerySet[Incident], sort: Sort) -> QuerySet[Incident]:
    """With what the sort goes by. Those without a period come last."""
    if sort.code != "due":
        return rows
    first = open_periods().filter(incident=OuterRef("pk")).order_by("due_at").values("due_at")[:1]
    return rows.annotate(next_due=Coalesce(Subquery(first), Value(NEVER)))


def next_periods(incidents: Iterable[Incident]) -> dict[uuid.UUID, dt.datetime]:
    """When the next legal period of each of them ends that has any."""
    rows = open_periods().filter(incident__in=list(incidents)).order_by()
    return dict(rows.values_list("incident").annotate(Min("due_at")))
