"""A day on which a failure comes far more often than it used to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from apps.access.models import User
from apps.approvals.models import Notice
from apps.common.clock import now
from apps.incidents.jumps import DAYS, jump, upper_tail
from apps.incidents.models import Group, Incident, KeyDay
from apps.incidents.queries import timeline
from apps.incidents.services import incidents, signals
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


@pytest.fixture
def about_to_jump(db: None) -> Group:
    """A failure known for weeks, four of it today: with one more it jumps."""
    moment = now()
    signals.take([signal(at=moment - dt.timedelta(days=20))])
    group = Group.objects.get()
    KeyDay.objects.create(key=group.key, day=moment.date(), count=4)
    return group


def jumps() -> list[str]:
    found = LedgerEvent.objects.filter(type="incident.rate_jumped")
    return sorted(event.reason.split(",")[0] for event in found)


def test_a_failure_that_has_its_incident_jumps_too_and_who_leads_hears_once(
    about_to_jump: Group, reported: Callable[..., Incident], member: User, chair: User
) -> None:
    row = reported()
    Group.objects.update(incident=row)
    incidents.take_command(actor=member, incident=row)
    Notice.objects.all().delete()
    for _ in range(3):
        signals.take([signal()])
    assert jumps() == ["5 on one day"]
    assert Incident.objects.count() == 1
    told = Notice.objects.get()
    assert told.user == member
    assert told.title.startswith("Far more often: 5 on one day")
    assert any("5 on one day" in line.words for line in timeline(row)[0])


def test_a_failure_that_is_snoozed_jumps_on_record_and_opens_nothing(about_to_jump: Group) -> None:
    Group.objects.update(snoozed_until=now() + dt.timedelta(hours=1), snoozed_why="Known.")
    signals.take([signal()])
    assert jumps() == ["5 on one day"]
    assert not Incident.objects.exists()
    Group.objects.update(snoozed_until=now() - dt.timedelta(hours=1))
    signals.take([signal()])
    assert jumps() == ["5 on one day"]
    assert "far more often" in Incident.objects.get().told_by


def test_a_failure_that_opens_by_its_number_jumps_on_record_as_well(about_to_jump: Group) -> None:
    signals.take([signal() for _ in range(5)])
    assert jumps() == ["9 on one day"]
    assert "far more often" in Incident.objects.get().told_by


def test_each_day_of_a_late_reading_is_looked_at(about_to_jump: Group) -> None:
    yesterday = now() - dt.timedelta(days=1)
    signals.take([*(signal(at=yesterday) for _ in range(6)), signal()])
    assert jumps() == ["5 on one day", "6 on one day"]


@pytest.mark.django_db
def test_what_was_counted_long_ago_is_forgotten() -> None:
    for back in (60, 31, 29, 0):
        signals.take([signal(at=now() - dt.timedelta(days=back))])
    kept: Any = KeyDay.objects.order_by("day").values_list("day", flat=True)
    assert list(kept) == [now().date() - dt.timedelta(days=back) for back in (29, 0)]
