"""Paths without a person: consent given beforehand, within its limits; and freezes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from apps.access.models import User
from apps.approvals.models import Checkpoint, Queue, StandingApproval, StandingUse
from apps.approvals.services import (
    create_queue,
    end_freeze,
    entrust,
    grant_standing,
    plan_freeze,
    revoke_standing,
)
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent, Tool
from apps.registry.services import change_agent
from tests.approvals.conftest import again, open_request
from tests.approvals.test_levels import drawn  # noqa: F401
from tests.runtime.test_the_gate import put
from tests.support import Shelf

pytestmark = pytest.mark.django_db


@pytest.fixture
def sampled(drawn: Agent, queue: Queue) -> Agent:  # noqa: F811
    """More than ten need a look, which the council let the draw skip; nothing is earned yet."""
    lead(queue, "approver")
    return drawn


def lead(queue: Queue, name: str) -> None:
    row = Queue.lock(queue.pk)
    row.lead = User.objects.get(username=name)
    row.save()


def consent(actor: User, agent: Agent, **changes: Any) -> StandingApproval:
    fields: dict[str, Any] = {
        "checkpoint": Checkpoint.objects.select_related("queue").get(slug="shelf"),
        "agent": agent,
        "tool": "shelf.put",
        "rule_key": "many",
        "limits": [{"name": "amount", "op": "<=", "value": 20}],
        "ends_at": now() + dt.timedelta(days=7),
        "most": 2,
        "reason": "The weekly order.",
    }
    return grant_standing(actor=again(actor), **{**fields, **changes})


def test_within_its_limits_a_standing_approval_lets_through_and_each_use_is_on_record(
    sampled: Agent, approver: User, shelf: Shelf
) -> None:
    assert put(sampled, thing="ink", amount=11).status == "waiting"
    row = consent(approver, sampled)
    assert put(sampled, amount=12).status == "done"
    assert put(sampled, thing="pen", amount=21).status == "waiting"
    assert StandingUse.objects.get(standing=row).number == 1
    assert LedgerEvent.objects.filter(type="standing.used").count() == 1
    assert shelf.stock == {"book": 12}


def test_the_count_ends_it(sampled: Agent, approver: User) -> None:
    consent(approver, sampled)
    told = [put(sampled, thing=f"t{number}", amount=11).status for number in range(3)]
    assert told == ["done", "done", "waiting"]


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_the_window_ends_it(sampled: Agent, approver: User, field: str) -> None:
    row = consent(approver, sampled)
    hour = dt.timedelta(hours=1)
    moments = {"starts_at": now() + hour, "ends_at": row.ends_at}
    if field == "ends_at":
        moments = {"starts_at": now() - 2 * hour, "ends_at": now() - hour}
    StandingApproval.lock(row.pk).compare_and_set(where={"revoked_at": None}, **moments)
    assert put(sampled, amount=11).status == "waiting"


def test_revoked_it_lets_nothing_through(
    sampled: Agent, approver: User, second_approver: User
) -> None:
    row = consent(approver, sampled)
    with pytest.raises(NotPermitted):
        revoke_standing(actor=again(second_approver), standing=row, reason="x")
    revoke_standing(actor=again(approver), standing=row, reason="Order is over.")
    with pytest.raises(Conflict):
        revoke_standing(actor=again(approver), standing=row, reason="Again.")
    assert put(sampled, amount=11).status == "waiting"


def test_when_its_giver_leads_the_queue_no_more_it_lets_nothing_through(
    sampled: Agent, approver: User, queue: Queue
) -> None:
    consent(approver, sampled)
    lead(queue, "second_approver")
    assert put(sampled, amount=11).status == "waiting"


@pytest.mark.parametrize("what", ["irreversible", "high", "hard"])
def test_what_is_never_approved_beforehand_is_refused_and_a_consent_given_before_is_not_used(
    sampled: Agent, approver: User, checkpoint: Checkpoint, tool: Tool, what: str
) -> None:
    row = consent(approver, sampled)
    if what == "irreversible":
        Tool.lock(tool.pk).compare_and_set(where={}, effect="irreversible")
    elif what == "high":
        change_agent(actor=None, agent=sampled, reason="Cast", risk_tier="high")
    else:
        Checkpoint.lock(checkpoint.pk).compare_and_set(where={}, hard=True)
    with pytest.raises(Invalid):
        consent(approver, Agent.objects.get(pk=sampled.pk))
    assert put(Agent.objects.get(pk=sampled.pk), amount=11).status in ("waiting", "denied")
    assert not StandingUse.objects.filter(standing=row).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"most": 0}, {"most": 1001}, {"reason": " "}, {"tool": "no.such"},
        {"limits": [{"name": "colour", "op": "=", "value": "red"}]},
        {"limits": [{"name": "amount", "op": "~", "value": 1}]},
    ],
)  # fmt: skip
def test_a_consent_without_sound_limits_is_refused(
    sampled: Agent, approver: User, changes: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        consent(approver, sampled, **changes)
    with pytest.raises(Invalid):
        consent(approver, sampled, ends_at=now() + dt.timedelta(days=91))


def test_only_the_lead_without_a_conflict_consents(
    sampled: Agent, second_approver: User, owner: User, queue: Queue
) -> None:
    with pytest.raises(NotPermitted):
        consent(second_approver, sampled)
    lead(queue, "owner")
    with pytest.raises(NotPermitted, match="answer for this agent"):
        consent(owner, sampled)


def test_a_freeze_puts_what_would_pass_to_its_own_people_until_it_ends(
    sampled: Agent, approver: User, administrator: User, second_approver: User
) -> None:
    consent(approver, sampled, most=5)
    close = create_queue(actor=None, slug="close", name="Month end")
    with pytest.raises(Invalid, match="Nobody"):
        freeze(administrator, close)
    entrust(actor=None, queue=close, user=second_approver, reason="Cast")
    with pytest.raises(NotPermitted):
        freeze(approver, close)
    row = freeze(administrator, close)
    assert put(sampled, amount=11).status == "waiting"
    assert open_request().queue == close
    assert put(sampled, amount=3).status == "done"
    end_freeze(actor=administrator, freeze=row, reason="Books are closed.")
    assert put(sampled, thing="pen", amount=11).status == "done"


def freeze(actor: User, queue: Queue, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "name": "Month end",
        "queue": queue,
        "tools": ["shelf.put"],
        "starts_at": now() - dt.timedelta(minutes=1),
        "ends_at": now() + dt.timedelta(days=1),
        "reason": "The books are being closed.",
    }
    return plan_freeze(actor=again(actor), **{**fields, **changes})
