"""Whom a question concerns too closely: computed at the vote, frozen with it, never overridden."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from apps.access.models import User
from apps.access.services import give_role
from apps.approvals.models import Checkpoint, Notice, Queue
from apps.approvals.queries import open_for, why_not
from apps.approvals.rules import concerns
from apps.approvals.services import (
    check_checkpoints,
    create_checkpoint,
    create_queue,
    entrust,
    lend,
    void_lost_rights,
    withdraw_trust,
)
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent
from apps.registry.services import change_agent
from tests.approvals.conftest import Ask, again, answer
from tests.policies.test_four_outcomes import FORBID_GLASS

pytestmark = pytest.mark.django_db


def test_acceptance_5_the_last_editors_of_the_agent_do_not_decide(
    question: Ask, agent: Agent, approver: User, second_approver: User
) -> None:
    row = question()
    give_role(actor=None, user=approver, role="operator", reason="Also")
    editor = again(approver)
    with acting(kind="person", id=str(editor.pk), label=str(editor)):
        change_agent(actor=editor, agent=agent, reason="Cast", purpose="Another purpose.")
    with pytest.raises(NotPermitted, match="set-up lately"):
        answer(approver, row)
    cast = answer(second_approver, row).votes.get(void=False)
    assert cast.barred[str(approver.pk)] == "editor"
    assert cast.barred[str(agent.owner_id)] == "owner"


def test_the_person_whose_record_it_is_does_not_decide(question: Ask, approver: User) -> None:
    row = question(concerns={"person": ["approver"]})
    assert row not in open_for(again(approver))
    with pytest.raises(NotPermitted, match="own record"):
        answer(approver, row)


def test_a_tool_declares_whom_its_calls_concern() -> None:
    schema = {"properties": {"who": {"concerns": "person"}, "rule": {"concerns": "policy"}}}
    assert concerns((schema, {}), ({"who": "ann", "rule": ""}, {})) == {"person": ["ann"]}
    assert concerns((schema,), ({"who": ["ann", "ben"]},)) == {"person": ["ann", "ben"]}


def test_whoever_stands_in_for_somebody_with_a_conflict_has_it_too(
    question: Ask, owner: User, approver: User
) -> None:
    lend(
        actor=again(owner), taker=again(approver), queue=None, most_risk="low",
        ends_at=now() + dt.timedelta(days=1), reason="Away",
    )  # fmt: skip
    row = question()
    assert "stand in" in why_not(again(approver), row)
    assert row not in open_for(again(approver))


def test_where_everybody_has_a_conflict_the_fallback_and_then_the_council_is_asked(
    question: Ask, checkpoint: Checkpoint, approver: User, second_approver: User, member: User
) -> None:
    row = question(concerns={"person": ["approver", "second_approver"]})
    part = row.checkpoints.get()
    assert part.second_queue is not None
    assert part.second_queue.council
    assert Notice.objects.filter(user=member, urgent=True).exists()
    assert LedgerEvent.objects.filter(type="approval.rerouted").count() == 1
    for person in (approver, second_approver):
        with pytest.raises(NotPermitted):
            answer(person, row)
    assert answer(member, row).status == "approved"


def test_acceptance_6_a_checkpoint_that_too_few_could_pass_is_refused_and_becoming_so_is_told(
    queue: Queue, checkpoint: Checkpoint, agent: Agent, approver: User, second_approver: User,
    administrator: User,
) -> None:  # fmt: skip
    with pytest.raises(Invalid):
        create_checkpoint(actor=None, slug="three", title="Three", queue=queue, approvers=3)
    create_checkpoint(actor=None, slug="two", title="Two", queue=queue, approvers=2)
    withdraw_trust(actor=administrator, queue=queue, user=approver, reason="Left")
    assert Checkpoint.objects.get(slug="two").unsatisfiable_at is not None
    assert Notice.objects.filter(title__startswith="Unsatisfiable").count() == 1
    assert check_checkpoints() == 1
    assert Notice.objects.filter(title__startswith="Unsatisfiable").count() == 1
    entrust(actor=administrator, queue=queue, user=approver, reason="Back")
    assert Checkpoint.objects.get(slug="two").unsatisfiable_at is None


def test_the_vote_of_somebody_deactivated_while_it_is_open_counts_no_more(
    question: Ask, approver: User, second_approver: User
) -> None:
    """1.4: an approver is deactivated halfway."""
    row = question(approvers=2)
    answer(approver, row)
    User.objects.filter(pk=approver.pk).update(is_active=False)
    assert void_lost_rights() == 1
    assert row.votes.get().void
    row.refresh_from_db()
    assert row.status == "pending"


def test_a_queue_for_nobody_is_no_queue(administrator: User) -> None:
    empty = create_queue(actor=administrator, slug="empty", name="Empty")
    with pytest.raises(Invalid):
        create_checkpoint(actor=administrator, slug="e", title="E", queue=empty)


def test_strangers_see_no_queue(queue: Queue, stranger: User, signed_in: Any) -> None:
    assert signed_in(stranger).get(f"/inbox/queues/{queue.slug}").status_code == 404


def test_whoever_wrote_the_policy_does_not_decide_on_its_change(
    question: Ask, policy: Any, approver: User, second_approver: User
) -> None:
    policy(FORBID_GLASS, slug="shelf-rules").compare_and_set(where={}, author=approver)
    row = question(concerns={"policy": ["shelf-rules"]})
    with pytest.raises(NotPermitted, match="wrote the policy"):
        answer(approver, row)
    assert answer(second_approver, row).status == "approved"


def test_the_rules_own_fallback_comes_before_the_council(
    question: Ask, queue: Queue, member: User, dana: User
) -> None:
    last = create_queue(actor=None, slug="fallback", name="Fallback")
    entrust(actor=None, queue=last, user=dana, reason="Cast")
    create_checkpoint(actor=None, slug="backed", title="Backed", queue=queue, fallback=last)
    row = question(
        asks=[CheckpointAsk("backed", 1, 600, False, "r", "More than ten.")],
        concerns={"person": ["approver", "second_approver"]},
    )
    assert row.checkpoints.get().second_queue == last
    with pytest.raises(NotPermitted):
        answer(member, row)
    assert answer(dana, row).status == "approved"


@pytest.fixture
def dana(department: Any) -> User:
    user = User.objects.create_user(username="dana", display_name="Dana")
    give_role(actor=None, user=user, role="approver", reason="Cast")
    return user
