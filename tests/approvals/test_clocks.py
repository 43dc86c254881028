"""What the clocks do, in a queue's own hours; and no clock ever approves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals import hours
from apps.approvals.models import ApprovalRequest, Checkpoint, Notice, Queue
from apps.approvals.services import (
    change_queue,
    create_queue,
    entrust,
    escalate,
    renew_deadlines,
    save_calendar,
    set_escalation,
    set_timing,
)
from apps.approvals.tasks import sweep
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from tests.approvals.conftest import Ask, again, answer, open_request, time_passes

OFFICE = hours.week_of("Europe/Berlin", {str(d): ["09:00", "17:00"] for d in range(5)}, [])
FRIDAY = dt.datetime(2026, 11, 27, 15, 0, tzinfo=dt.UTC)  # 16:00 in Berlin


def test_an_hour_left_on_friday_goes_on_on_monday() -> None:
    assert hours.after(FRIDAY, 2 * 3600, OFFICE) == dt.datetime(2026, 11, 30, 9, 0, tzinfo=dt.UTC)


def test_a_day_off_is_skipped_and_summer_time_is_kept() -> None:
    week = hours.week_of("Europe/Berlin", {"0": ["09:00", "17:00"]}, ["2026-03-30"])
    sunday = dt.datetime(2026, 3, 28, 12, 0, tzinfo=dt.UTC)
    assert hours.after(sunday, 60, week) == dt.datetime(2026, 4, 6, 7, 1, tzinfo=dt.UTC)


@settings(deadline=None, max_examples=50)
@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)), st.integers(60, 400_000))
def test_deadlines_come_in_order_and_never_early(start: dt.datetime, within: int) -> None:
    start = start.replace(tzinfo=dt.UTC)
    found = hours.deadlines(start, within // 3, within, OFFICE)
    assert start < found.escalate_at <= found.lead_at <= found.decide_by
    assert found.decide_by >= start + dt.timedelta(seconds=within)


@pytest.mark.parametrize(
    ("zone", "times"),
    [("Nowhere/Else", {"0": ["09:00", "17:00"]}), ("UTC", {}), ("UTC", {"0": ["17:00", "09:00"]})],
)
def test_a_calendar_that_cannot_be_read_is_refused(
    administrator: User, zone: str, times: dict[str, list[str]]
) -> None:
    with pytest.raises(Invalid):
        save_calendar(actor=administrator, slug="x", name="X", zone=zone, hours=times, days_off=[])


@pytest.fixture
def levels(queue: Queue, department: Any, second_approver: User) -> tuple[Queue, Queue]:
    """Two levels above the shelf, each with somebody of its own."""
    made = []
    for name in ("above", "top"):
        row = create_queue(actor=None, slug=name, name=name.capitalize())
        entrust(actor=None, queue=row, user=second_approver, reason="Cast")
        made.append(row)
    set_escalation(actor=None, queue=made[0], to=made[1])
    set_escalation(actor=None, queue=queue, to=made[0])
    return made[0], made[1]


def test_the_chain_is_a_snapshot(levels: tuple[Queue, Queue], queue: Queue, question: Ask) -> None:
    row = question()
    set_escalation(actor=None, queue=Queue.objects.get(pk=queue.pk), to=None)
    time_passes(row, "escalate_at")
    sweep()
    part = row.checkpoints.get()
    assert part.chain == [levels[0].pk, levels[1].pk]
    assert (part.second_queue, part.third_queue) == (levels[0], None)


def test_at_four_fifths_the_lead_is_told_once(
    question: Ask, queue: Queue, approver: User, administrator: User
) -> None:
    change_queue(
        actor=administrator, queue=queue, name="Shelf", purpose="", escalates_to=None,
        lead=approver, calendar=None, reason="A lead",
    )  # fmt: skip
    Queue.objects.get(pk=queue.pk)
    row = question()
    assert row.rule["leads"] == [approver.pk]
    time_passes(row, "lead_at")
    sweep()
    sweep()
    told = Notice.objects.filter(user=approver, title__contains="Nearly out of time")
    assert told.count() == 1
    assert LedgerEvent.objects.filter(type="approval.lead_told").count() == 1


def test_an_approver_hands_it_to_the_next_level_with_a_reason(
    levels: tuple[Queue, Queue], question: Ask, approver: User
) -> None:
    row = question()
    with pytest.raises(Invalid):
        escalate(actor=again(approver), request_id=row.pk, reason=" ")
    escalate(actor=again(approver), request_id=row.pk, reason="Not mine to say.")
    escalate(actor=again(approver), request_id=row.pk, reason="Nor theirs.")
    row.refresh_from_db()
    assert row.status == "pending"
    assert row.checkpoints.get().third_queue == levels[1]
    with pytest.raises(Conflict):
        escalate(actor=again(approver), request_id=row.pk, reason="Further.")


def test_the_end_of_the_time_may_ask_the_next_level_by_a_new_request(
    levels: tuple[Queue, Queue], question: Ask, checkpoint: Checkpoint, administrator: User
) -> None:
    set_timing(
        actor=administrator, checkpoint=checkpoint, respond_within=60, decide_within=600,
        on_timeout="escalate", fallback=None, reason="It must be decided.",
    )  # fmt: skip
    row = time_passes(question(), "decide_by")
    sweep()
    row.refresh_from_db()
    assert (row.status, row.reason_code) == ("expired", "timeout")
    following = open_request()
    assert (following.supersedes, following.origin, following.queue) == (
        row, "escalated", levels[0],
    )  # fmt: skip
    time_passes(following, "decide_by")
    sweep()
    assert open_request().queue == levels[1]
    time_passes(open_request(), "decide_by")
    sweep()
    assert not ApprovalRequest.objects.filter(status="pending").exists()


def test_deadlines_are_computed_anew_only_by_an_act_on_record(
    question: Ask, queue: Queue, administrator: User, approver: User
) -> None:
    row = question()
    before = row.decide_by
    calendar = save_calendar(
        actor=administrator, slug="office", name="Office", zone="UTC",
        hours={"0": ["09:00", "09:01"]}, days_off=[],
    )  # fmt: skip
    change_queue(
        actor=administrator, queue=queue, name="Shelf", purpose="", escalates_to=None,
        lead=None, calendar=calendar, reason="Office hours",
    )  # fmt: skip
    row.refresh_from_db()
    assert row.decide_by == before
    with pytest.raises(NotPermitted):
        renew_deadlines(actor=again(approver), queue=queue, reason="x")
    assert renew_deadlines(actor=administrator, queue=queue, reason="New hours") == 1
    row.refresh_from_db()
    assert row.decide_by > before
    assert LedgerEvent.objects.filter(type="queue.deadlines_renewed").count() == 1


def test_a_late_answer_is_no_answer(question: Ask, approver: User) -> None:
    row = time_passes(question(), "decide_by")
    with pytest.raises(Conflict, match="run out"):
        answer(approver, row)
