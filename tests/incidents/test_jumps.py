"""A day on which a failure comes far more often than it used to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from apps.common.clock import now
from apps.incidents.jumps import DAYS, jump, upper_tail
from apps.incidents.models import Group, Incident, KeyDay
from apps.incidents.services import signals
from apps.ledger.models import LedgerEvent
from tests.incidents.test_signals import signal

TODAY = dt.date(2026, 11, 26)
LONG_AGO = TODAY - dt.timedelta(days=100)


def steady(a_day: int, today: int) -> dict[dt.date, int]:
    days = {TODAY - dt.timedelta(days=back): a_day for back in range(1, DAYS + 1)}
    return {**days, TODAY: today}


@given(st.integers(1, 400), st.floats(0.01, 300))
def test_the_tail_is_poissons(number: int, mean: float) -> None:
    assert upper_tail(number, mean) == pytest.approx(poisson.sf(number - 1, mean), rel=1e-6)


@given(st.integers(0, 50), st.integers(0, 500))
def test_more_today_is_never_less_of_a_jump(a_day: int, today: int) -> None:
    if jump(steady(a_day, today), LONG_AGO, TODAY):
        assert jump(steady(a_day, today + 1), LONG_AGO, TODAY)
        assert not jump(steady(today + 1, today), LONG_AGO, TODAY)


def test_five_are_needed_and_a_week_of_past() -> None:
    assert jump(steady(0, 4), LONG_AGO, TODAY) is None
    found = jump(steady(0, 5), LONG_AGO, TODAY)
    assert found is not None
    assert found.chance < 1e-9
    assert jump(steady(0, 5), TODAY - dt.timedelta(days=6), TODAY) is None
    assert jump(steady(0, 5), TODAY - dt.timedelta(days=7), TODAY) is not None
    assert jump(steady(10, 20), LONG_AGO, TODAY) is None
    assert jump(steady(10, 24), LONG_AGO, TODAY) is not None


def test_false_alarms_are_as_rare_as_was_said() -> None:
    """100,000 days at the usual rate: the mean is only known from 28 days, so somewhat more than
    one in a thousand, never three."""
    random = np.random.default_rng(1)
    for mean in (0.5, 3.0, 20.0):
        past = random.poisson(mean, (20_000, DAYS)).sum(1)
        today = random.poisson(mean, 20_000)
        alarms = sum(
            number >= 5 and upper_tail(int(number), (int(total) + 0.5) / DAYS) < 0.001
            for number, total in zip(today, past, strict=True)
        )
        assert alarms / 20_000 < 0.003


@pytest.mark.django_db
def test_a_jump_opens_an_incident_that_says_so_and_is_told_once_a_day() -> None:
    moment = now()
    signals.take([signal(at=moment - dt.timedelta(days=20))])
    group = Group.objects.get()
    KeyDay.objects.create(key=group.key, day=moment.date(), count=3)  # hours ago
    signals.take([signal(at=moment)])
    assert not Incident.objects.exists()
    signals.take([signal(at=moment)])
    incident = Incident.objects.get()
    assert "far more often" in incident.told_by
    signals.take([signal(at=moment)])
    events = LedgerEvent.objects.filter(type="incident.rate_jumped")
    assert events.count() == 1
    assert events.get().reason.startswith("5 on one day, where 0.")


@pytest.mark.django_db
def test_what_was_counted_long_ago_is_forgotten() -> None:
    for back in (60, 31, 29, 0):
        signals.take([signal(at=now() - dt.timedelta(days=back))])
    kept: Any = KeyDay.objects.order_by("day").values_list("day", flat=True)
    assert list(kept) == [now().date() - dt.timedelta(days=back) for back in (29, 0)]
