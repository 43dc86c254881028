"""How runs end is told to the readiness of the process that their workflow belongs to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import Department
from apps.approvals.models import ApprovalRequest
from apps.common.clock import now
from apps.orchestration.models import Run, Workflow
from apps.orchestration.services import drain, tell_readiness
from apps.readiness.models import LiveMonth, Process
from apps.readiness.queries import live as queries
from apps.readiness.queries.live import Month, worse
from apps.readiness.services import live
from tests.support import Shelf


@pytest.fixture
def process(department: Department) -> Process:
    found = Process(slug="restock", name="Restocking", department=department, created_at=now())
    found.level = 4
    found.save()
    return found


@pytest.fixture
def placed(process: Process, begin: Callable[..., Run]) -> Callable[..., Run]:
    workflow = Workflow.objects.get()
    workflow.process = "restock"
    workflow.save()
    return begin


@pytest.mark.django_db
def test_runs_are_counted_by_month_and_end(
    placed: Callable[..., Run], process: Process, shelf: Shelf
) -> None:
    placed(1)
    placed(1)
    placed(20)
    drain()
    assert ApprovalRequest.objects.count() == 1
    assert tell_readiness() == 1
    (month,) = queries.of(process).months
    assert (month.runs, month.well, month.asked, month.going) == (3, 2, 1, 1)
    assert month.share == 0
    assert tell_readiness() == 0


@pytest.mark.django_db
def test_a_run_that_ends_later_is_counted_in_the_month_in_which_it_began(
    placed: Callable[..., Run], process: Process, shelf: Shelf
) -> None:
    old = placed(1)
    then = timezone.now() - dt.timedelta(days=100)
    Run.objects.filter(pk=old.pk).update(created_at=then)
    first = then.date().replace(day=1)
    live.tell(month=first, found={"restock": live.Ends(runs=1)})
    assert first in live.months_to_count(timezone.now())
    Run.objects.filter(pk=old.pk).update(status="failed", ended_at=timezone.now())
    tell_readiness()
    (month,) = queries.of(process).months
    assert (month.month, month.failed, month.exceptions, month.share) == (first, 1, 1, 1.0)
    assert first not in live.months_to_count(timezone.now())


@pytest.mark.django_db
def test_what_no_workflow_names_any_more_is_not_counted(
    placed: Callable[..., Run], process: Process, shelf: Shelf
) -> None:
    placed(1)
    tell_readiness()
    assert LiveMonth.objects.count() == 1
    workflow = Workflow.objects.get()
    workflow.process = "unknown"
    workflow.save()
    tell_readiness()
    assert not LiveMonth.objects.exists()


@pytest.mark.django_db
def test_the_page_says_what_went_wrong_and_what_to_do_where_nothing_was_worked(
    process: Process,
) -> None:
    def shown() -> str:
        return render_to_string("readiness/_live.html", {"live": queries.of(process)})

    assert "No agent has worked in this process yet" in shown()
    months = [dt.date(2026, number, 1) for number in (9, 10, 11)]
    for month, failed in zip(months, (2, 3, 40), strict=True):
        ends = live.Ends(runs=100, well=100 - failed, failed=failed, asked=10)
        live.tell(month=month, found={"restock": ends})
    page = shown()
    assert "More goes wrong than before" in page
    assert "40.0%" in page
    assert "30.9% to 49.8%" in page


def month_of(well: int, failed: int) -> Month:
    return Month(dt.date(2026, 1, 1), well + failed, well, failed, 0, 0, 0, 0)


COUNTS = st.tuples(st.integers(0, 500), st.integers(0, 500))


@given(st.lists(COUNTS, max_size=12))
def test_a_month_is_called_worse_only_with_more_faults_and_enough_runs(found: list[Any]) -> None:
    months = [month_of(well, failed) for well, failed in found]
    if not worse(months):
        return
    newest = next(each for each in months if each.decided >= 30)
    rest = months[months.index(newest) + 1 :]
    assert newest.share is not None
    assert newest.share > sum(e.exceptions for e in rest) / sum(e.decided for e in rest)
