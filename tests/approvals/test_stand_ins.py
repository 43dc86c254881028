"""A stand-in answers for somebody, and launders no authority."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.access.services import give_role
from apps.approvals.models import ApprovalRequest, Delegation, Queue
from apps.approvals.queries import open_for, why_not
from apps.approvals.services import (
    Lost,
    create_queue,
    entrust,
    lend,
    take_back,
    undo,
    vote,
    withdraw_trust,
)
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from tests.approvals.conftest import DIGEST, Ask


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


@pytest.fixture
def stand_in(department: object) -> User:
    user = User.objects.create_user(username="stand-in", display_name="Stand-in")
    give_role(actor=None, user=user, role="approver", reason="Cast")
    return user


def lending(
    giver: User, taker: User, risk: str = "medium", queue: Queue | None = None
) -> Delegation:
    return lend(
        actor=fresh(giver),
        taker=fresh(taker),
        queue=queue,
        most_risk=risk,
        ends_at=now() + dt.timedelta(days=7),
        reason="Out of office",
    )


def answer(user: User, row: ApprovalRequest, choice: str = "approve") -> ApprovalRequest:
    return vote(actor=fresh(user), request_id=row.pk, choice=choice, reason="Seen.", digest=DIGEST)


def test_a_stand_in_answers_and_both_names_are_recorded(
    question: Ask, approver: User, stand_in: User
) -> None:
    row = question()
    assert why_not(fresh(stand_in), row)
    lending(approver, stand_in)
    assert list(open_for(fresh(stand_in))) == [row]
    answer(stand_in, row)
    cast = row.votes.get()
    assert (cast.voter_label, cast.on_behalf_of) == ("Stand-in for Approver", approver)
    row.refresh_from_db()
    assert row.status == "approved"


def test_giver_and_stand_in_are_one_person(
    question: Ask, approver: User, second_approver: User, stand_in: User
) -> None:
    row = question(approvers=2)
    lending(approver, stand_in)
    answer(stand_in, row)
    answer(approver, row)
    row.refresh_from_db()
    assert row.status == "pending"
    answer(second_approver, row)
    row.refresh_from_db()
    assert row.status == "approved"


def test_a_stand_in_does_not_answer_after_the_giver(
    question: Ask, approver: User, stand_in: User
) -> None:
    row = question(approvers=2)
    lending(approver, stand_in)
    answer(approver, row)
    assert why_not(fresh(stand_in), row)
    assert list(open_for(fresh(stand_in))) == []
    with pytest.raises(NotPermitted):
        answer(stand_in, row, "reject")


@pytest.mark.usefixtures("second_thoughts")
def test_a_stand_in_takes_nothing_back_that_the_giver_decided(
    question: Ask, approver: User, stand_in: User
) -> None:
    row = question()
    lending(approver, stand_in)
    answer(approver, row)
    with pytest.raises(NotPermitted, match="Only those who approved"):
        undo(actor=fresh(stand_in), request_id=row.pk)
    assert undo(actor=fresh(approver), request_id=row.pk).status == "pending"


def test_a_conflict_of_either_bars(
    question: Ask, owner: User, approver: User, stand_in: User
) -> None:
    row = question()
    lending(owner, stand_in)
    assert why_not(fresh(stand_in), row)
    assert list(open_for(fresh(stand_in))) == []
    lending(approver, owner)
    assert "own this agent" in why_not(fresh(owner), row)
    asked = question(intent_digest="j" * 64, requester_id=stand_in.pk)
    lending(approver, stand_in)
    assert "asked for this work" in why_not(fresh(stand_in), asked)


def test_what_was_lent_is_not_lent_on(
    question: Ask, approver: User, stand_in: User, stranger: User
) -> None:
    give_role(actor=None, user=stranger, role="approver", reason="x")
    lending(approver, stand_in)
    with pytest.raises(NotPermitted, match="entrusted with yourself"):
        lending(stand_in, stranger)
    row = question()
    assert why_not(fresh(stranger), row)


def test_it_goes_no_further_than_queue_risk_and_time(
    question: Ask, approver: User, stand_in: User
) -> None:
    other = create_queue(actor=None, slug="other", name="Other")
    entrust(actor=None, queue=other, user=approver, reason="x")
    given = lending(approver, stand_in, risk="low", queue=other)
    row = question()
    assert why_not(fresh(stand_in), row)
    take_back(actor=fresh(approver), delegation=given)
    given = lending(approver, stand_in, risk="low")
    assert why_not(fresh(stand_in), row) == ""
    risky = question(intent_digest="j" * 64, risk="high")
    assert why_not(fresh(stand_in), risky)
    assert list(open_for(fresh(stand_in))) == [row]
    given.ends_at = now() - dt.timedelta(seconds=1)
    given.starts_at = now() - dt.timedelta(days=1)
    given.save()
    assert why_not(fresh(stand_in), row)


def test_a_giver_who_loses_the_right_lends_nothing(
    question: Ask, approver: User, second_approver: User, queue: Queue, stand_in: User
) -> None:
    row = question(approvers=2)
    lending(approver, stand_in)
    answer(stand_in, row)
    withdraw_trust(actor=None, queue=queue, user=approver, reason="Moved")
    answer(second_approver, row)
    row.refresh_from_db()
    assert row.status == "pending"
    assert row.votes.get(voter=stand_in).void


@pytest.mark.parametrize("days", [0, 61])
def test_senseless_delegations_are_refused(
    days: int, approver: User, queue: Queue, stand_in: User, stranger: User
) -> None:
    with pytest.raises(Invalid):
        lend(
            actor=fresh(approver), taker=stand_in, queue=None, most_risk="low",
            ends_at=now() + dt.timedelta(days=days), reason="x",
        )  # fmt: skip
    with pytest.raises(Invalid, match="no approver"):
        lending(approver, stranger)
    with pytest.raises(Invalid, match="somebody else"):
        lending(approver, approver)
    with pytest.raises(NotPermitted):
        lending(stranger, stand_in)


def test_the_page_names_and_ends_a_stand_in(
    approver: User, queue: Queue, stand_in: User, stranger: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    page = signed_in(approver)
    body = {"taker": stand_in.pk, "queue": "", "most_risk": "low", "days": 7, "reason": "Leave"}
    assert page.post("/inbox/stand-ins", body).status_code == 302
    row = Delegation.objects.get()
    assert "Stand-in" in signed_in(stand_in).get("/inbox/stand-ins").content.decode()
    assert signed_in(stranger).post(f"/inbox/stand-ins/{row.pk}/end").status_code == 404
    page.post(f"/inbox/stand-ins/{row.pk}/end")
    row.refresh_from_db()
    assert row.ended_at is not None


def test_two_votes_by_the_same_stand_in_are_one(
    question: Ask, approver: User, second_approver: User, stand_in: User
) -> None:
    row = question(approvers=2)
    lending(approver, stand_in)
    lending(second_approver, stand_in)
    answer(stand_in, row)
    with pytest.raises((Lost, NotPermitted)):
        answer(stand_in, row)
    row.refresh_from_db()
    assert row.status == "pending"
