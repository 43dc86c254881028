"""Failures counted by the day, and a day on which one comes far more often than it used to."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable

from django.db.models import F, Q, Sum

from apps.incidents.jumps import DAYS, jump
from apps.incidents.models import Group, GroupingRule, KeyDay
from apps.ledger.services import record

KEPT = dt.timedelta(days=DAYS + 2)


def count(seen: Iterable[tuple[str, dt.date]]) -> None:
    """Adds signals to the days of their keys. By who holds the reading: nobody else counts."""
    for (key, day), number in Counter(seen).items():
        rows = KeyDay.objects.filter(key=key, day=day)
        if not rows.update(count=F("count") + number):
            KeyDay.objects.create(key=key, day=day, count=number)
            KeyDay.objects.filter(key=key, day__lt=day - KEPT).delete()


def note(group: Group, days: Collection[dt.date]) -> str:
    """In words, that the group's failure jumped on one of these days: told to the ledger, and
    answered, once a day; "" where it did not, or that is known. What was put into the group by
    people counts with it."""
    first, last = min(days), max(days)
    keys = [group.key, *GroupingRule.objects.filter(into=group, ended_at=None).values_list(
        "key", flat=True)]  # fmt: skip
    rows = KeyDay.objects.filter(key__in=keys, day__gt=first - KEPT, day__lte=last)
    counts = dict(rows.values_list("day").annotate(Sum("count")).order_by("day"))
    told = ""
    for day in sorted(days):
        found = jump(counts, group.first_at.date(), day)
        if found is not None and stamped(group, day):
            told = found.words
            record(
                type="incident.rate_jumped",
                object=group,
                reason=told,
                typed=False,
                after={"day": day, "today": found.today, "mean": f"{found.mean:.2f}",
                       "p": f"{found.chance:.2g}"},
            )  # fmt: skip
    return told


def stamped(group: Group, day: dt.date) -> bool:
    fresh = Group.objects.filter(Q(jumped_on=None) | Q(jumped_on__lt=day), pk=group.pk)
    if not fresh.update(jumped_on=day):
        return False
    group.jumped_on = day
    return True
