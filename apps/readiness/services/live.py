"""What whoever drives runs tells of the work of agents in a process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import F

from apps.common.clock import now
from apps.readiness.models import LiveMonth, Process


@dataclass(frozen=True)
class Ends:
    """The runs that began in a month, by how they stand now."""

    runs: int = 0
    well: int = 0
    failed: int = 0
    stuck: int = 0
    rolled_back: int = 0
    cancelled: int = 0
    asked: int = 0


def months_to_count(moment: dt.datetime) -> list[dt.date]:
    """This month and the last, and every earlier one in which a run has not ended."""
    this = moment.date().replace(day=1)
    ended = F("well") + F("failed") + F("rolled_back") + F("cancelled")
    unended = LiveMonth.objects.filter(runs__gt=ended).values_list("month", flat=True)
    last = (this - dt.timedelta(days=1)).replace(day=1)
    return sorted({this, last, *unended.distinct()})


@transaction.atomic
def tell(*, month: dt.date, found: Mapping[str, Ends]) -> int:
    """Writes down how the runs of a month stand, by the slug of the process; told again, it writes
    only what has changed. What the inventory does not know is left out, and a process of which
    nothing is told any more has no such month. Returns how many rows changed."""
    known = dict(Process.objects.filter(slug__in=found).values_list("slug", "pk"))
    rows = {row.process_id: row for row in LiveMonth.objects.filter(month=month)}
    moment, changed = now(), 0
    for slug, pk in known.items():
        ends, row = asdict(found[slug]), rows.pop(pk, None)
        if row is not None and all(getattr(row, name) == number for name, number in ends.items()):
            continue
        LiveMonth.objects.update_or_create(
            process_id=pk, month=month, defaults={**ends, "counted_at": moment}
        )
        changed += 1
    gone, _ = LiveMonth.objects.filter(pk__in=[row.pk for row in rows.values()]).delete()
    return changed + gone
