"""How the queues are doing, for leads: of what they may see, narrowed by the address."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals import queries, services
from apps.approvals.models import ApprovalRequest
from apps.common.clock import now
from apps.common.figures import bars_svg, safe_cell
from tests.approvals.conftest import DIGEST, Ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def week(question: Ask, approver: User) -> list[ApprovalRequest]:
    """Four that ended: two approved (one taken back later), one rejected, one expired."""
    rows = [question(intent_digest=f"{n}" * 64, title=f"=Put {n}") for n in range(4)]
    for row, choice in zip(rows, ("approve", "approve", "reject"), strict=False):
        services.vote(
            actor=approver, request_id=row.pk, choice=choice, reason="Seen.", digest=DIGEST
        )
    moment = now()
    for hours, row in enumerate(rows):
        ApprovalRequest.objects.filter(pk=row.pk).update(
            created_at=moment - dt.timedelta(days=10, minutes=10 * (hours + 1)),
            first_seen_at=moment - dt.timedelta(days=10, minutes=10 * hours + 5),
            decided_at=moment - dt.timedelta(days=10 - hours),
        )
    ApprovalRequest.objects.filter(pk=rows[1].pk).update(execution="rolled_back")
    ApprovalRequest.objects.filter(pk=rows[3].pk).update(status="expired", tool="shelf.take")
    return rows


def test_rates_rest_on_answers_and_the_halves_make_the_trend(
    week: list[ApprovalRequest], auditor: User
) -> None:
    found = queries.insight(auditor, queries.InsightFilters(days=17))
    assert (found.whole.ended, found.whole.answered, found.asked) == (4, 3, 4)
    assert found.whole.approval_rate == 66.7
    assert found.whole.reversal_rate == 50.0
    assert found.whole.expiry_rate == 25.0
    assert found.whole.first_look == 5.0
    assert (found.earlier.ended, found.later.ended) == (2, 2)
    assert found.hours == round(3 * found.minutes_each / 60, 1)
    assert found.people == [("Approver", 3, 2)]


def test_the_address_narrows_the_figures(
    week: list[ApprovalRequest], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(auditor)
    assert b"4 of" not in page.get("/inbox/insight?days=16&tool=shelf.take").content
    narrow = queries.insight(auditor, queries.InsightFilters(days=16, tool="shelf.take"))
    assert (narrow.whole.ended, narrow.people) == (1, [])
    assert queries.insight(auditor, queries.InsightFilters(days=9)).whole.ended == 2
    assert queries.insight(auditor, queries.InsightFilters(queue="none")).whole.ended == 0
    for junk in ("days=0", "days=x", "days=99999999", "queue=%00", "tool=" + "x" * 500):
        assert page.get(f"/inbox/insight?{junk}").status_code == 200


def test_the_rows_behind_the_figures_can_be_taken_away(
    week: list[ApprovalRequest],
    auditor: User,
    approver: User,
    stranger: User,
    signed_in: Callable[[User], Client],
) -> None:
    answer = signed_in(auditor).get("/inbox/insight?days=16&form=csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["status"] for row in rows] == ["expired", "rejected", "approved", "approved"]
    assert signed_in(stranger).get("/inbox/insight?form=csv").status_code == 404


def test_the_page_draws_without_scripts_and_carries_its_numbers(
    week: list[ApprovalRequest], auditor: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(auditor).get("/inbox/insight?days=16").content.decode()
    assert page.count("<rect") >= 4
    assert "66.7" in page
    assert "The numbers by day" in page


def test_a_drawing_escapes_what_it_names_and_is_nothing_without_numbers() -> None:
    assert bars_svg({}) == ""
    drawn = bars_svg({"<b>": {"2026-01-01": 2}, "x": {"2026-01-02": 1}})
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn


@pytest.mark.parametrize(("value", "safe"), [("=1+1", "'=1+1"), ("C-1", "C-1"), (3, 3)])
def test_a_cell_is_no_formula(value: object, safe: object) -> None:
    assert safe_cell(value) == safe
