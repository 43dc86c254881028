"""The list of incidents in the order that its reader chose, page by page."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.sorting import sorted_page
from apps.incidents.models import Incident, RegulatoryClock
from apps.incidents.queries import SORTS, for_sort

pytestmark = pytest.mark.django_db
MOMENT = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture
def many(db: None) -> list[Incident]:
    """Thirty, several alike in severity and moment; every fifth with a period that runs."""
    rows = [
        Incident(
            number=1001 + at,
            title=f"Number {at}",
            severity=at % 4 + 1,
            told_by="x",
            detected_at=MOMENT + dt.timedelta(hours=at // 3),
        )
        for at in range(30)
    ]
    Incident.objects.bulk_create(rows)
    RegulatoryClock.objects.bulk_create(
        RegulatoryClock(
            id=uuid7(), incident=row, code=code, aware_at=MOMENT,
            due_at=MOMENT + dt.timedelta(days=days * row.severity), met_at=met,
        )
        for row in rows[::5]
        for code, days, met in (("73-2", 15, None), ("26-5", 9, None), ("73-3", 1, MOMENT))
    )  # fmt: skip
    return rows


def read(code: str, after: str = "", size: int = 4) -> Any:
    request = RequestFactory().get("/incidents/", {"sort": code, "after": after})
    return sorted_page(
        request, for_sort(Incident.objects.all(), SORTS[code]), SORTS[code], size=size
    )


def after_in(url: str) -> str:
    return url.partition("after=")[2].partition("&")[0]


def walk(code: str) -> list[Incident]:
    page = read(code)
    found = [*page.rows]
    while page.older_url:
        page = read(code, after_in(page.older_url))
        found += page.rows
    return found


def period(row: Incident) -> dt.datetime:
    open_ = row.clocks.filter(met_at=None).order_by("due_at").first()
    return open_.due_at if open_ else dt.datetime.max.replace(tzinfo=dt.UTC)


KEYS: dict[str, Callable[[Incident], Any]] = {
    "newest": lambda row: -row.detected_at.timestamp(),
    "oldest": lambda row: row.detected_at.timestamp(),
    "severity": lambda row: (row.severity, -row.detected_at.timestamp()),
    "due": lambda row: (period(row), -row.detected_at.timestamp()),
}


@pytest.mark.parametrize("code", SORTS)
def test_page_by_page_each_comes_once_and_in_order(code: str, many: list[Incident]) -> None:
    found = walk(code)
    by_key = sorted(many, key=lambda row: row.pk, reverse=code != "oldest")
    assert found == sorted(by_key, key=KEYS[code])


@pytest.mark.parametrize("code", SORTS)
def test_a_later_page_asks_once_for_each_column_at_most(code: str, many: list[Incident]) -> None:
    after = after_in(read(code, size=11).older_url)
    with CaptureQueriesContext(connection) as asked:
        read(code, after)
    assert len(asked) <= len(SORTS[code].columns) + 1


def forged(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_a_link_that_was_edited_by_hand_shows_the_first_page(many: list[Incident]) -> None:
    first, key = read("severity").rows, str(many[0].pk)
    moment = MOMENT.isoformat()
    for text in (
        "x",
        after_in(read("newest").older_url),
        forged("severity", [1], key),
        forged("severity", [moment, moment], key),
        forged("severity", [1, "2026-11-01T00:00:00"], key),
        forged("severity", [10**30, moment], key),
        forged("severity", [1, moment], "no key"),
        forged("severity", [1, 7], key),
        forged("severity"),
        forged(7),
    ):
        assert read("severity", text).rows == first


def test_the_page_keeps_the_order_in_its_links(
    many: list[Incident], operator: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(operator)
    shown = page.get("/incidents/?sort=severity").content.decode()
    assert '<th aria-sort="descending">How grave</th>' in shown
    assert '<option value="severity" selected>' in shown
    assert shown.index("Number 28") < shown.index("Number 29")
    assert "?status=closed&amp;sort=severity" in shown or "sort=severity&amp;status=closed" in shown
    shown = page.get("/incidents/?sort=due").content.decode()
    assert shown.index('class="due') < shown.index("nobody yet")
    assert page.get("/incidents/?sort=nonsense").status_code == 200
    assert signed_in(stranger).get("/incidents/?sort=severity").status_code == 404
