"""When a mail leaves."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.approvals.digests import BUNDLE, hours_of, mail_at

ZONES = st.sampled_from(["UTC", "Europe/Lisbon", "America/New_York", "Asia/Kolkata"])
MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(dt.UTC))
HOURS = st.sets(st.integers(0, 23), min_size=1, max_size=4)


@given(MOMENTS, HOURS, ZONES)
def test_a_digest_leaves_at_a_chosen_hour_within_a_day(
    moment: dt.datetime, hours: set[int], zone: str
) -> None:
    at = mail_at(moment, urgent=False, hours=hours, zone=zone)
    assert moment < at <= moment + dt.timedelta(hours=26)
    local = at.astimezone(zoneinfo.ZoneInfo(zone))
    assert local.hour in hours or local.hour - 1 in hours


@given(MOMENTS, HOURS, ZONES)
def test_what_is_urgent_waits_for_no_hour(moment: dt.datetime, hours: set[int], zone: str) -> None:
    assert mail_at(moment, urgent=True, hours=hours, zone=zone) == moment
    assert mail_at(moment, urgent=False, hours=[], zone=zone) == moment + BUNDLE


@pytest.mark.parametrize(
    ("text", "hours"), [("", []), ("13, 8", [8, 13]), ("8 8 13", [8, 13]), ("0,23", [0, 23])]
)
def test_hours_are_read_as_people_write_them(text: str, hours: list[int]) -> None:
    assert hours_of(text) == hours


@pytest.mark.parametrize("text", ["24", "-1", "noon", "8:30"])
def test_what_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        hours_of(text)
