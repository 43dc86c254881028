"""A day at the desk: many at once, later, the second level, and what was decided before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Look, Queue
from apps.approvals.queries import alike, in_view, insight, open_for, turned_down, why_not
from apps.approvals.rules import MOST_AT_ONCE, bulk_problem
from apps.approvals.services import (
    Lost,
    create_queue,
    entrust,
    escalate_due,
    mark_execution,
    note_look,
    set_escalation,
    snooze,
    unsnooze,
    vote,
    vote_many,
)
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from apps.runtime import gate
from apps.runtime.models import Action
from apps.runtime.rules import CallContext
from tests.approvals.conftest import DIGEST, Ask
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def several(question: Ask, number: int, **changes: Any) -> list[ApprovalRequest]:
    return [question(intent_digest=f"{index:064d}", **changes) for index in range(number)]


def look_at(user: User, rows: list[ApprovalRequest]) -> None:
    for row in rows:
        note_look(actor=fresh(user), request_id=row.pk)


def together(user: User, rows: list[ApprovalRequest], choice: str = "approve") -> Any:
    return vote_many(
        actor=fresh(user),
        items=[(row.pk, row.action_digest) for row in rows],
        choice=choice,
        reason="All from the weekly order.",
    )


def test_many_are_decided_each_by_itself_and_the_stale_are_told(
    question: Ask, approver: User, second_approver: User
) -> None:
    rows = several(question, 20)
    look_at(approver, rows[:2])
    for row in rows[5:8]:
        vote(
            actor=fresh(second_approver), request_id=row.pk, choice="reject", reason="No.",
            digest=DIGEST,
        )  # fmt: skip
    results = together(approver, rows)
    assert sum(result.done for result in results) == 17
    told = {result.request.pk: result.sentence for result in results if not result.done}
    assert set(told) == {row.pk for row in rows[5:8]}
    assert all("Decided by Second_approver" in sentence for sentence in told.values())
    votes = [row.votes.get(voter=approver) for row in rows[:5]]
    assert len({cast.bulk_id for cast in votes}) == 1
    assert {cast.reason for cast in votes} == {"All from the weekly order."}


def test_two_are_opened_before_many_are_decided(question: Ask, approver: User) -> None:
    rows = several(question, 3)
    with pytest.raises(Invalid, match="Open 2 of them"):
        together(approver, rows)
    look_at(approver, rows[:1])
    with pytest.raises(Invalid, match="Open 2 of them"):
        together(approver, rows)
    look_at(approver, rows[1:2])
    assert all(result.done for result in together(approver, rows))


def test_what_does_not_belong_together_is_not_decided_together(
    question: Ask, approver: User
) -> None:
    rows = several(question, 2)
    high = question(intent_digest="h" * 64, risk="high")
    other = question(intent_digest="o" * 64, tool="shelf.clear")
    look_at(approver, [*rows, high, other])
    with pytest.raises(Invalid, match="high risk"):
        together(approver, [*rows, high])
    with pytest.raises(Invalid, match="same action"):
        together(approver, [*rows, other])
    with pytest.raises(Invalid, match="at least two"):
        together(approver, rows[:1])
    assert ApprovalRequest.objects.filter(status="pending").count() == 4


def test_a_changed_digest_in_a_bulk_stops_that_item_only(question: Ask, approver: User) -> None:
    rows = several(question, 3)
    look_at(approver, rows)
    results = vote_many(
        actor=fresh(approver),
        items=[(rows[0].pk, DIGEST), (rows[1].pk, "x" * 64), (rows[2].pk, DIGEST)],
        choice="approve",
        reason="Fine.",
    )
    assert [result.done for result in results] == [True, False, True]


def test_a_stranger_or_owner_decides_nothing_in_bulk(
    question: Ask, owner: User, stranger: User
) -> None:
    rows = several(question, 3)
    for person in (owner, stranger):
        with pytest.raises(Invalid):
            together(person, rows)
    assert not Look.objects.exists()


class Row:
    def __init__(self, tool: str, rule_key: str, risk: str) -> None:
        self.tool, self.rule_key, self.risk = tool, rule_key, risk


ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["r", "s"]),
        st.sampled_from(["low", "medium", "high", "critical"]),
    ),
    max_size=30,
)


@given(ROWS, st.integers(0, 30))
def test_bulk_is_refused_unless_alike_harmless_few_and_looked_at(
    rows: list[Row], looked: int
) -> None:
    allowed = bulk_problem(rows, len(rows), looked) == ""
    assert allowed == (
        2 <= len(rows) <= MOST_AT_ONCE
        and len({(row.tool, row.rule_key) for row in rows}) == 1
        and all(row.risk in ("low", "medium") for row in rows)
        and looked >= 2
    )


def test_snoozing_hides_from_oneself_and_stops_no_clock(
    question: Ask, approver: User, second_approver: User
) -> None:
    row = question()
    before = row.decide_by
    snooze(actor=fresh(approver), request_id=row.pk, hours=2)
    assert list(in_view(fresh(approver), "mine")) == []
    assert list(in_view(fresh(approver), "snoozed")) == [row]
    assert list(in_view(fresh(second_approver), "mine")) == [row]
    row.refresh_from_db()
    assert row.decide_by == before
    unsnooze(actor=fresh(approver), request_id=row.pk)
    assert list(in_view(fresh(approver), "mine")) == [row]
    with pytest.raises(Invalid):
        snooze(actor=fresh(approver), request_id=row.pk, hours=1000)


@pytest.mark.parametrize("who", ["stranger", "owner", "auditor"])
def test_only_those_who_may_decide_snooze(
    who: str, question: Ask, request: pytest.FixtureRequest
) -> None:
    row = question()
    with pytest.raises((NotPermitted, Lost)):
        snooze(actor=fresh(request.getfixturevalue(who)), request_id=row.pk, hours=2)


def test_at_half_time_the_second_level_may_decide_as_well(
    question: Ask, queue: Queue, approver: User, auditor: User, stranger: User
) -> None:
    from apps.access.services import give_role

    give_role(actor=None, user=stranger, role="approver", reason="Second level")
    second = create_queue(actor=None, slug="leads", name="Leads")
    entrust(actor=None, queue=second, user=stranger, reason="Lead")
    set_escalation(actor=None, queue=queue, to=second)
    row = question()
    assert why_not(fresh(stranger), row)
    assert escalate_due() == 0
    ApprovalRequest.objects.filter(pk=row.pk).update(escalate_at=now())
    assert escalate_due() == 1
    assert escalate_due() == 0
    row.refresh_from_db()
    assert why_not(fresh(stranger), row) == ""
    assert list(open_for(fresh(stranger))) == [row]
    set_escalation(actor=None, queue=queue, to=None)
    assert why_not(fresh(stranger), row) == ""
    assert LedgerEvent.objects.get(type="approval.escalated").after == {"queues": ["leads"]}
    done = vote(
        actor=fresh(stranger), request_id=row.pk, choice="approve", reason="Fine.", digest=DIGEST
    )
    assert done.status == "approved"


def test_a_queue_does_not_escalate_to_itself(queue: Queue) -> None:
    with pytest.raises(Invalid):
        set_escalation(actor=None, queue=queue, to=queue)


def test_looking_is_the_first_touch_and_is_not_recorded_on_get(
    question: Ask, approver: User, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    row = question()
    page = signed_in(approver)
    assert page.get(f"/inbox/C-{row.number}").status_code == 200
    assert not Look.objects.exists()
    signed_in(auditor).post(f"/inbox/C-{row.number}/look")
    assert not Look.objects.exists()
    page.post(f"/inbox/C-{row.number}/look")
    page.post(f"/inbox/C-{row.number}/look")
    assert Look.objects.get().times == 2
    row.refresh_from_db()
    assert row.first_seen_at is not None


def test_like_decisions_are_counted_and_never_recommended(question: Ask, approver: User) -> None:
    rows = several(question, 4)
    for row, choice in zip(rows[:3], ("approve", "approve", "reject"), strict=True):
        vote(actor=fresh(approver), request_id=row.pk, choice=choice, reason="Seen.", digest=DIGEST)
    for state in ("dispatched", "succeeded", "rolled_back"):
        assert mark_execution(request_id=rows[0].pk, execution=state)
    question(intent_digest="z" * 64, tool="shelf.clear")
    found = alike(rows[3])
    assert found.counts == {"approved": 2, "rejected": 1}
    assert found.reversed_later == 1
    assert len(found.newest) == 3


def test_the_figures_of_the_queues(
    question: Ask, approver: User, second_approver: User, operator: User, stranger: User
) -> None:
    rows = several(question, 4)
    look_at(approver, rows[:1])
    for row, choice in zip(rows[:3], ("approve", "approve", "reject"), strict=True):
        vote(actor=fresh(approver), request_id=row.pk, choice=choice, reason="Seen.", digest=DIGEST)
    ApprovalRequest.objects.filter(pk=rows[3].pk).update(respond_by=now() - dt.timedelta(seconds=1))
    found = insight(fresh(operator))
    assert (found.covered, found.open_now, found.past_due) == (3, 1, 1)
    assert found.statuses == {"approved": 2, "rejected": 1}
    assert found.people == [("Approver", 3, 2)]
    assert found.whole.decision is not None
    assert insight(fresh(stranger)).covered == 0


def test_a_wish_that_people_refused_three_times_is_not_asked_again(
    agent: Agent, checkpoint: Any, approver: User, policy: Callable[..., Any]
) -> None:
    policy(ASK_ABOVE_TEN)
    for number in range(3):
        outcome = put_books(agent, number)
        assert outcome.status == "waiting"
        row = ApprovalRequest.objects.get(status="pending")
        vote(
            actor=fresh(approver), request_id=row.pk, choice="reject", reason="Too many.",
            digest=row.action_digest,
        )  # fmt: skip
        gate.resume(action_id=outcome.action_id)
    digest = Action.objects.order_by("-at").first().intent_digest  # type: ignore[union-attr]
    assert turned_down(agent.pk, digest) == 3
    last = put_books(agent, 9)
    assert (last.verdict, last.code) == ("deny", "turned_down")
    assert put_books(agent, 10, amount=12).status == "waiting"


def put_books(agent: Agent, number: int, amount: int = 11) -> Any:
    return gate.attempt(
        agent_id=agent.pk,
        tool="shelf.put",
        arguments={"thing": "book", "amount": amount},
        call=CallContext(idem_key=f"books-{number}"),
    )


def test_the_page_decides_many_and_says_what_became_of_each(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    rows = several(question, 3)
    page = signed_in(approver)
    body = {
        "tool": "shelf.put",
        "rule": "r",
        "choice": "approve",
        "reason": "All fine.",
        "item": [f"{row.pk}:{row.action_digest}" for row in rows],
    }
    refused = page.post("/inbox/together", body)
    assert refused.status_code == 422
    assert "All fine." in refused.content.decode()
    look_at(approver, rows[:2])
    done = page.post("/inbox/together", body).content.decode()
    assert done.count("Approved") >= 3
    assert page.post("/inbox/together", {**body, "item": ["nonsense"]}).status_code == 422
