"""Answering a question: who may, what counts, and what happens to those who come second."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import RoleAssignment, User
from apps.access.services import take_role
from apps.approvals import queries
from apps.approvals.models import ApprovalRequest, Queue, Vote
from apps.approvals.queries import approved_checkpoints, open_for, waiting_count, why_not
from apps.approvals.rules import Cast, Need, covered, status_after
from apps.approvals.services import (
    Lost,
    cancel_for_agent,
    claim,
    create_checkpoint,
    dispatch,
    entrust,
    expire_due,
    release,
    vote,
    withdraw_trust,
)
from apps.approvals.states import Choice
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.common.units import in_unit
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from tests.approvals.conftest import DIGEST, Ask


def answer(person: User, request: ApprovalRequest, choice: str = "approve", **more: Any) -> Any:
    fields = {"reason": "Looked at it.", "digest": request.action_digest, **more}
    fresh = User.objects.get(pk=person.pk)
    return vote(actor=fresh, request_id=request.pk, choice=choice, **fields)


def test_one_yes_is_enough_where_one_is_asked(question: Ask, approver: User) -> None:
    decided = answer(approver, question())
    assert decided.status == "approved"
    assert approved_checkpoints(decided) == {"shelf"}
    assert decided.execute_by is not None


def test_two_people_are_two_people(question: Ask, approver: User, second_approver: User) -> None:
    request = question(approvers=2)
    assert answer(approver, request).status == "pending"
    with pytest.raises((Lost, NotPermitted)):
        answer(approver, request)
    assert answer(second_approver, request).status == "approved"


@pytest.mark.parametrize("choice", ["reject", "return"])
def test_one_no_ends_it(question: Ask, approver: User, choice: str) -> None:
    request = question(approvers=2)
    decided = answer(approver, request, choice)
    assert decided.status == {"reject": "rejected", "return": "returned"}[choice]
    assert decided.outcome_note == "Looked at it."
    assert approved_checkpoints(decided) == frozenset()


def test_the_owner_does_not_decide_on_their_own_agent(question: Ask, owner: User) -> None:
    with pytest.raises(NotPermitted, match="own this agent"):
        answer(owner, question())
    assert LedgerEvent.objects.filter(type="approval.refused").count() == 1


def test_whoever_asked_for_the_work_does_not_decide(question: Ask, approver: User) -> None:
    with pytest.raises(NotPermitted, match="asked for this work"):
        answer(approver, question(requester_id=approver.pk))


def test_whoever_registered_the_agent_does_not_decide(
    question: Ask, administrator: User, queue: Queue
) -> None:
    from apps.access.services import give_role

    give_role(actor=None, user=administrator, role="approver", reason="Also")
    entrust(actor=None, queue=queue, user=administrator, reason="Also")
    with pytest.raises(NotPermitted, match="registered this agent"):
        answer(administrator, question())


@pytest.mark.parametrize("who", ["stranger", "auditor", "administrator", "chair", "operator"])
def test_nobody_outside_the_queue_decides(
    question: Ask, who: str, request: pytest.FixtureRequest
) -> None:
    asked = question()
    with pytest.raises(NotPermitted):
        answer(request.getfixturevalue(who), asked)
    assert not Vote.objects.exists()


def test_a_forged_or_stale_digest_is_refused(question: Ask, approver: User) -> None:
    with pytest.raises(Lost) as refusal:
        answer(approver, question(), digest="e" * 64)
    assert refusal.value.code == "digest"
    assert not Vote.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
@pytest.mark.parametrize("choice", Choice.values)
def test_every_answer_says_why(question: Ask, approver: User, choice: str, reason: str) -> None:
    with pytest.raises(Invalid):
        answer(approver, question(), choice, reason=reason)


def test_the_agents_own_words_are_no_reason(question: Ask, approver: User) -> None:
    with pytest.raises(Invalid, match="own words"):
        answer(approver, question(), reason=" restock   the SHELF ")


def test_an_unknown_choice_is_refused(question: Ask, approver: User) -> None:
    with pytest.raises(Invalid):
        answer(approver, question(), "approve_all")


def test_what_is_decided_stays_decided(
    question: Ask, approver: User, second_approver: User
) -> None:
    request = question()
    answer(approver, request)
    with pytest.raises(Lost) as late:
        answer(second_approver, request, "reject")
    assert "Approver" in late.value.sentence
    kept = queries.late_answers(request)
    assert [(each.who, each.choice) for each in kept] == [("Second_approver", "reject")]
    request.refresh_from_db()
    assert request.status == "approved"


def test_time_running_out_never_approves(question: Ask, approver: User) -> None:
    request = question()
    ApprovalRequest.objects.update(decide_by=now() - dt.timedelta(seconds=1))
    with pytest.raises(Lost, match="run out"):
        answer(approver, request)
    assert expire_due() == 1
    request.refresh_from_db()
    assert (request.status, request.reason_code) == ("expired", "timeout")
    assert expire_due() == 0


def test_an_approver_who_is_deactivated_halfway_does_not_count(
    question: Ask, approver: User, second_approver: User, owner: User, queue: Queue
) -> None:
    request = question(approvers=2)
    answer(approver, request)
    User.objects.filter(pk=approver.pk).update(is_active=False)
    assert answer(second_approver, request).status == "pending"
    assert Vote.objects.get(voter=approver).void


def test_a_vote_goes_with_the_right_to_cast_it(
    question: Ask, approver: User, second_approver: User, queue: Queue
) -> None:
    request = question(approvers=2)
    answer(approver, request)
    withdraw_trust(actor=None, queue=queue, user=approver, reason="Moved on")
    assert answer(second_approver, request).status == "pending"


def test_losing_the_role_is_losing_the_right(question: Ask, approver: User) -> None:
    request = question()
    held = RoleAssignment.objects.get(user=approver)
    take_role(actor=None, assignment_id=held.pk, reason="Moved on")
    with pytest.raises(NotPermitted):
        answer(approver, request)


def test_a_claim_keeps_others_out_until_it_ends(
    question: Ask, approver: User, second_approver: User
) -> None:
    request = question()
    claimed = claim(actor=approver, request_id=request.pk)
    with pytest.raises(Lost) as busy:
        answer(second_approver, request)
    assert busy.value.code == "claimed"
    with pytest.raises(Lost):
        claim(actor=second_approver, request_id=request.pk)
    ApprovalRequest.objects.update(lease_until=now() - dt.timedelta(seconds=1))
    taken = claim(actor=second_approver, request_id=request.pk)
    assert taken.fence > claimed.fence
    release(actor=second_approver, request_id=request.pk)
    with pytest.raises(Lost) as late:
        answer(approver, request, fence=claimed.fence)
    assert late.value.code == "fence"


def test_the_same_question_joins_and_a_changed_one_takes_its_place(
    question: Ask, approver: User
) -> None:
    ref = uuid7()
    first = question(action_ref=ref)
    assert question(action_ref=ref).pk == first.pk
    second = question(action_ref=ref, action_digest="e" * 64)
    first.refresh_from_db()
    assert (first.status, second.supersedes_id) == ("superseded", first.pk)
    with pytest.raises(Lost):
        answer(approver, first)


def test_an_approval_is_used_once_and_only_for_what_was_approved(
    question: Ask, approver: User
) -> None:
    request = answer(approver, question())
    assert not dispatch(request_id=request.pk, action_digest="e" * 64)
    assert dispatch(request_id=request.pk, action_digest=DIGEST)
    assert not dispatch(request_id=request.pk, action_digest=DIGEST)


def test_an_approval_that_waited_too_long_is_not_used(question: Ask, approver: User) -> None:
    request = answer(approver, question())
    ApprovalRequest.objects.update(execute_by=now() - dt.timedelta(seconds=1))
    assert not dispatch(request_id=request.pk, action_digest=DIGEST)


def test_an_agents_suspension_withdraws_its_questions(
    question: Ask, agent: Agent, approver: User
) -> None:
    waiting, approved = question(), answer(approver, question(intent_digest="j" * 64))
    cancel_for_agent(agent_id=agent.pk, reason_code="agent_suspended")
    waiting.refresh_from_db()
    approved.refresh_from_db()
    assert waiting.status == "cancelled"
    assert not dispatch(request_id=approved.pk, action_digest=DIGEST)


def test_a_checkpoint_that_nobody_could_pass_is_refused(queue: Queue) -> None:
    with pytest.raises(Invalid, match="too few"):
        create_checkpoint(actor=None, slug="x", title="X", queue=queue, approvers=4)


def test_nobody_entrusts_a_queue_to_themselves(queue: Queue, administrator: User) -> None:
    with pytest.raises(NotPermitted):
        entrust(actor=administrator, queue=queue, user=administrator, reason="Handy")


PEOPLE = st.integers(1, 5)
NEEDS = st.lists(
    st.tuples(st.integers(1, 3), st.frozensets(PEOPLE, max_size=5)), min_size=1, max_size=3
)


def by_trying(seats: list[frozenset[int]], people: frozenset[int]) -> bool:
    if not seats:
        return True
    return any(by_trying(seats[1:], people - {each}) for each in seats[0] & people)


@given(drawn=NEEDS, people=st.frozensets(PEOPLE))
def test_seats_are_covered_exactly_when_trying_everything_finds_a_way(
    drawn: list[tuple[int, frozenset[int]]], people: frozenset[int]
) -> None:
    needs = [Need(str(number), count, who) for number, (count, who) in enumerate(drawn)]
    seats = [who for count, who in drawn for _ in range(count)]
    assert covered(needs, people) == by_trying(seats, people)


@given(
    drawn=NEEDS,
    votes=st.lists(st.tuples(PEOPLE, st.sampled_from(Choice.values)), max_size=5),
    extra=PEOPLE,
)
def test_another_yes_never_undoes_an_approval_and_a_no_always_wins(
    drawn: list[tuple[int, frozenset[int]]], votes: list[tuple[int, str]], extra: int
) -> None:
    needs = [Need(str(number), count, who) for number, (count, who) in enumerate(drawn)]
    casts = [Cast(person, choice) for person, choice in votes]
    before = status_after(needs, casts)
    if before == "approved":
        assert status_after(needs, [*casts, Cast(extra, "approve")]) == "approved"
    assert status_after(needs, [*casts, Cast(extra, "reject")]) == "rejected"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (True, "", "yes"),
        (False, "minor", "no"),
        (2_645_160, "minor", "EUR 26,451.60"),
        (1, "days", "1 day"),
        (30, "days", "30 days"),
        (1000, "permille", "100 %"),
        ("x", "minor", "x"),
    ],
)
def test_facts_are_told_with_their_units(value: object, unit: str, text: str) -> None:
    assert in_unit(value, unit, "EUR") == text


def race(people: list[User], request: ApprovalRequest) -> list[str]:
    """Everybody answers at the same moment, each on a connection of their own."""
    start, results = threading.Barrier(len(people)), []

    def run(person: User) -> None:
        try:
            start.wait()
            results.append(answer(person, request).status)
        except (Lost, NotPermitted) as refusal:
            results.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_exactly_one_decides(
    question: Ask, approver: User, second_approver: User
) -> None:
    for _ in range(5):
        request = question(intent_digest=uuid7().hex * 2)
        results = race([approver, second_approver], request)
        assert sorted(results, key=lambda each: each != "approved")[0] == "approved"
        assert results.count("approved") == 1
        assert request.votes.count() == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_at_once_where_two_are_needed_both_count(
    question: Ask, approver: User, second_approver: User
) -> None:
    for _ in range(5):
        request = question(approvers=2, intent_digest=uuid7().hex * 2)
        results = race([approver, second_approver], request)
        request.refresh_from_db()
        assert request.status == "approved"
        assert sorted(results) == ["approved", "pending"]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_questions_asked_at_once_get_numbers_of_their_own(question: Ask) -> None:
    threads, failures = [], []

    def put(number: int) -> None:
        try:
            question(intent_digest=f"{number:064d}")
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)
        finally:
            connection.close()

    for number in range(6):
        threads.append(threading.Thread(target=put, args=[number]))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert failures == []
    numbers = list(ApprovalRequest.objects.values_list("number", flat=True))
    assert len(set(numbers)) == 6


def test_the_inbox_shows_what_one_may_decide_and_no_more(
    question: Ask, approver: User, owner: User, stranger: User
) -> None:
    request = question()
    assert list(open_for(approver)) == [request]
    assert waiting_count(owner) == 0
    assert waiting_count(stranger) == 0
    assert why_not(approver, request) == ""


def test_the_page_records_an_answer_and_opens_the_next(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    first, second = question(), question(intent_digest="j" * 64)
    page = signed_in(approver)
    body = {"choice": "approve", "reason": "Fine.", "digest": DIGEST}
    response = page.post(f"/inbox/C-{first.number}/decide", body)
    assert response["Location"] == f"/inbox/C-{second.number}"
    first.refresh_from_db()
    assert first.status == "approved"


def test_the_page_keeps_what_was_typed_when_somebody_was_faster(
    question: Ask, approver: User, second_approver: User, signed_in: Callable[[User], Client]
) -> None:
    request = question()
    answer(second_approver, request, "reject")
    body = {"choice": "approve", "reason": "My careful words.", "digest": DIGEST}
    response = signed_in(approver).post(f"/inbox/C-{request.number}/decide", body)
    assert response.status_code == 409
    assert "My careful words." in response.content.decode()


def test_who_came_too_late_is_heard_all_the_same(
    question: Ask, approver: User, second_approver: User, signed_in: Callable[[User], Client]
) -> None:
    request = question()
    answer(second_approver, request, "reject")
    page, path = signed_in(approver), f"/inbox/C-{request.number}"
    page.post(f"{path}/decide", {"choice": "approve", "reason": "Mine, too.", "digest": DIGEST})
    shown = page.get(path).content.decode()
    assert "Came after the decision" in shown
    assert "Mine, too." in shown


def test_beside_the_list_the_item_comes_alone(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    path, page = f"/inbox/C-{question().number}", signed_in(approver)
    asked = {"HX-Request": "true", "HX-Target": "pane"}
    alone = page.get(path, headers=asked).content.decode()
    assert 'id="pane"' in alone
    assert "inbox-list" not in alone
    for headers in ({}, {"HX-Request": "true"}, {**asked, "HX-History-Restore-Request": "true"}):
        assert "inbox-list" in page.get(path, headers=headers).content.decode()


def test_a_stranger_finds_no_request(
    question: Ask, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    request = question()
    page = signed_in(stranger)
    assert page.get(f"/inbox/C-{request.number}").status_code == 404
    body = {"choice": "approve", "reason": "x", "digest": DIGEST}
    assert page.post(f"/inbox/C-{request.number}/decide", body).status_code == 404
    assert page.get("/inbox/C-999999").status_code == 404


def test_the_pulse_is_silent_until_something_new_comes(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    from apps.approvals.queries import pulse

    question()
    page, version = signed_in(approver), pulse(approver)
    assert page.get("/inbox/pulse", {"v": version}).status_code == 204
    question(intent_digest="j" * 64)
    assert "1 new item" in page.get("/inbox/pulse", {"v": version}).content.decode()
