"""Who can do what, and a review of it: confirmed or revoked, one by one, with a result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import RoleAssignment, User
from apps.approvals.models import Queue
from apps.audit.models import ReviewItem, ReviewRound
from apps.audit.queries.access import rights
from apps.audit.rules.review import UNUSED_AFTER, marks_of
from apps.audit.services.review import close_review, decide, start_review
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent, Grant
from apps.registry.services import revoke_grant
from tests.conftest import person

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
moments = st.none() | st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2027, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=dt.UTC)
)


@given(moments, moments, moments, st.booleans())
def test_a_young_right_is_never_called_unused(
    since: dt.datetime | None,
    used: dt.datetime | None,
    ends: dt.datetime | None,
    unlimited: bool,  # noqa: FBT001
) -> None:
    marks = marks_of(now=START, since=since, last_used_at=used, ends_at=ends, unlimited=unlimited)
    unused = {"unused", "never_used"} & set(marks)
    if since is None or START - since <= UNUSED_AFTER:
        assert not unused
    elif used is None:
        assert unused == {"never_used"}
    assert ("whole_tool" in marks) is unlimited


@pytest.fixture
def everybody(
    queue: Queue, agent: Agent, council: dict[str, User], administrator: User
) -> dict[str, User]:
    return {**council, "administrator": administrator}


@pytest.fixture
def found(everybody: dict[str, User]) -> ReviewRound:
    return start_review(
        actor=everybody["administrator"], title="Autumn", due_on=now().date() + dt.timedelta(days=9)
    )


def item(found: ReviewRound, kind: str, holder: str) -> ReviewItem:
    return ReviewItem.objects.filter(round=found, kind=kind, holder=holder).order_by("pk")[0]


def test_every_kind_of_right_is_listed_with_who_gave_it(
    everybody: dict[str, User], auditor: User, stranger: User
) -> None:
    found = rights(auditor)
    assert {right.kind for right in found} == {"role", "queue", "seat", "grant"}
    grant = next(right for right in found if right.kind == "grant")
    assert (grant.holder, grant.right) == ("Clerk", "shelf.put, whole tool")
    assert grant.marks == ("whole_tool",)
    assert all(right.since for right in found)
    with pytest.raises(Absent):
        rights(stranger)


def test_a_confirmed_right_stays_and_a_revoked_one_ends_by_its_own_verb(
    found: ReviewRound, everybody: dict[str, User], approver: User
) -> None:
    admin = everybody["administrator"]
    kept = decide(
        actor=admin, item_id=item(found, "role", "Approver").pk, choice="confirmed", reason="Works."
    )
    assert kept.decision == "confirmed"
    for kind, holder in (("grant", "Clerk"), ("queue", "Approver"), ("role", "Owner")):
        done = decide(
            actor=admin,
            item_id=item(found, kind, holder).pk,
            choice="revoked",
            reason="Not needed.",
        )
        assert done.decision == "revoked"
    assert Grant.objects.get().revoked_at is not None
    assert not User.objects.get(pk=approver.pk).has_perm(
        "approvals.decide_queue", Queue.objects.get()
    )
    assert RoleAssignment.objects.filter(user__username="owner", ends_at__isnull=False).count() == 1
    told = LedgerEvent.objects.filter(type="grant.revoked").get()
    assert told.reason == f"{found.reference}: Not needed."
    assert LedgerEvent.objects.filter(type="review.decided").count() == 4


def test_what_ended_meanwhile_is_said_to_be_gone(
    found: ReviewRound, everybody: dict[str, User]
) -> None:
    revoke_grant(actor=None, grant=Grant.objects.get(), reason="Before")
    done = decide(
        actor=everybody["administrator"],
        item_id=item(found, "grant", "Clerk").pk,
        choice="revoked",
        reason="Late.",
    )
    assert done.decision == "gone"


def test_nobody_reviews_their_own_rights_and_the_try_is_on_record(
    found: ReviewRound, everybody: dict[str, User]
) -> None:
    own = item(found, "role", "Administrator")
    with pytest.raises(NotPermitted, match="their own"):
        decide(actor=everybody["administrator"], item_id=own.pk, choice="confirmed", reason="Me.")
    assert LedgerEvent.objects.filter(type="review.refused", outcome="denied").count() == 1


def test_who_may_review_but_not_take_is_refused_before_anything_is_written(
    found: ReviewRound, everybody: dict[str, User]
) -> None:
    with pytest.raises(NotPermitted):
        decide(
            actor=everybody["chair"],
            item_id=item(found, "grant", "Clerk").pk,
            choice="revoked",
            reason="No.",
        )
    assert Grant.objects.get().revoked_at is None
    assert item(found, "grant", "Clerk").decision == ""


def test_a_seat_is_the_councils_to_end(found: ReviewRound, everybody: dict[str, User]) -> None:
    seat = item(found, "seat", "Legal")
    with pytest.raises(Invalid, match="motion"):
        decide(actor=everybody["administrator"], item_id=seat.pk, choice="revoked", reason="No.")


@pytest.mark.parametrize(("choice", "reason"), [("", "x"), ("maybe", "x"), ("confirmed", " ")])
def test_a_decision_needs_a_choice_and_a_reason(
    found: ReviewRound, everybody: dict[str, User], choice: str, reason: str
) -> None:
    right = item(found, "grant", "Clerk")
    with pytest.raises(Invalid):
        decide(actor=everybody["administrator"], item_id=right.pk, choice=choice, reason=reason)


def test_a_second_decision_comes_too_late(found: ReviewRound, everybody: dict[str, User]) -> None:
    right = item(found, "role", "Approver")
    for _ in range(2):
        with pytest.raises(Conflict) if right.decision else no_error():
            right = decide(
                actor=everybody["administrator"],
                item_id=right.pk,
                choice="confirmed",
                reason="Yes.",
            )


def no_error() -> object:
    from contextlib import nullcontext

    return nullcontext()


def test_a_review_closes_with_a_result_when_every_right_has_an_answer(
    found: ReviewRound, everybody: dict[str, User], department: object
) -> None:
    admin = everybody["administrator"]
    with pytest.raises(Invalid, match="not decided yet"):
        close_review(actor=admin, round_id=found.pk)
    for right in ReviewItem.objects.filter(round=found):
        who = everybody["chair"] if right.holder == "Administrator" else admin
        decide(actor=who, item_id=right.pk, choice="confirmed", reason="Needed.")
    closed = close_review(actor=admin, round_id=found.pk)
    assert len(closed.result_digest) == 64
    told = LedgerEvent.objects.get(type="review.closed")
    assert told.after is not None
    assert told.after["result_digest"] == closed.result_digest
    with pytest.raises(Conflict):
        close_review(actor=admin, round_id=found.pk)
    start_review(actor=admin, title="Next", due_on=now().date())


def test_one_review_at_a_time(found: ReviewRound, everybody: dict[str, User]) -> None:
    with pytest.raises(Conflict):
        start_review(actor=everybody["administrator"], title="Two", due_on=now().date())


def test_the_pages(
    found: ReviewRound,
    everybody: dict[str, User],
    auditor: User,
    stranger: User,
    signed_in: Callable[[User], Client],
) -> None:
    right = item(found, "grant", "Clerk")
    pages = ("/audit/access", "/audit/access?mark=whole_tool", f"/audit/access/{found.reference}")
    for page in pages:
        assert signed_in(auditor).get(page).status_code == 200
        assert b"Clerk" in signed_in(auditor).get(page).content
        assert signed_in(stranger).get(page).status_code == 404
    url = f"/audit/access/rights/{right.pk}"
    assert signed_in(auditor).get(url).status_code == 404
    client = signed_in(everybody["administrator"])
    assert client.get(url).status_code == 200
    assert client.post(url, {"choice": "revoked", "reason": ""}).status_code == 422
    assert client.post(url, {"choice": "revoked", "reason": "Over."}).status_code == 302
    assert Grant.objects.get().revoked_at is not None


def test_an_auditor_takes_nothing(found: ReviewRound, auditor: User) -> None:
    with pytest.raises(NotPermitted):
        decide(
            actor=auditor,
            item_id=item(found, "grant", "Clerk").pk,
            choice="revoked",
            reason="No.",
        )


def test_a_stand_in_is_a_right_too(queue: Queue, auditor: User, approver: User) -> None:
    from apps.approvals.services import lend

    other = person(approver.department, "other", "approver")
    lend(
        actor=approver,
        taker=other,
        queue=queue,
        most_risk="medium",
        ends_at=now() + dt.timedelta(days=2),
        reason="Away",
    )
    found = [right for right in rights(auditor) if right.kind == "delegation"]
    assert [right.right for right in found] == ["Stands in for Approver in Shelf"]
