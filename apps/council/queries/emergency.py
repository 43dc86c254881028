from __future__ import annotations

from apps.access.models import User
from apps.access.queries import holds
from apps.council import rules
from apps.council.models import Measure
from apps.council.queries.motions import SHOWN
from apps.council.queries.seats import live_seats
from apps.council.states import MeasureStatus


def measures(reader: User, *, live: bool = True) -> list[Measure]:
    """Emergency measures that are asked for or in force (or the newest of all)."""
    if not holds(reader, "council.view"):
        return []
    rows = Measure.objects.select_related("asked_by", "seconded_by", "motion")
    if live:
        rows = rows.filter(status__in=(MeasureStatus.ASKED, MeasureStatus.IN_FORCE))
    return list(rows.order_by("-asked_at")[:SHOWN])


def has_power(user: User) -> bool:
    """Whether the person may take emergency measures."""
    return live_seats().filter(user=user, function__in=rules.POWERS).exists()
