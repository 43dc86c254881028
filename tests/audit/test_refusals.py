"""Denied and refused acts are events, each of them, and without a flood."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.access.services import give_role
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import vote
from apps.common.acting import acting
from apps.common.errors import NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from apps.registry.services import suspend_agent
from apps.runtime.models import Action
from tests.pilots.test_invoices import drop_wanted, work


def denied(type: str) -> list[LedgerEvent]:
    return list(LedgerEvent.objects.filter(type=type, outcome="denied").order_by("at", "pk"))


def test_a_post_that_the_guard_stops_is_on_record_once(
    agent: Agent, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(stranger)
    for _ in range(3):
        assert client.post("/people/roles", {}).status_code == 404
    found = denied("access.refused")
    assert [(event.reason, event.actor_label) for event in found] == [("people.manage", "Stranger")]
    client.get("/people")
    assert len(denied("access.refused")) == 1


def test_a_verb_that_refuses_after_the_right_was_checked_is_on_record(
    administrator: User,
) -> None:
    with (
        acting(kind="person", id=str(administrator.pk), label="Administrator"),
        pytest.raises(NotPermitted),
    ):
        give_role(actor=administrator, user=administrator, role="auditor", reason="x")
    assert denied("access.refused")[-1].reason == "Nobody gives a role to themselves."


def test_a_stranger_who_suspends_is_on_record(agent: Agent, stranger: User) -> None:
    with pytest.raises(NotPermitted):
        suspend_agent(actor=stranger, agent=agent, reason="x")
    assert [event.reason for event in denied("access.refused")] == ["agents.suspend"]


def test_a_refused_vote_and_a_stale_approval_are_on_record(demo: dict[str, User]) -> None:
    drop_wanted("changed_account")
    work()
    request = ApprovalRequest.objects.get()
    with pytest.raises(NotPermitted):
        vote(
            actor=demo["auditor"],
            request_id=request.pk,
            choice="approve",
            reason="Mine.",
            digest=request.action_digest,
        )
    assert [event.object_id for event in denied("approval.refused")] == [str(request.pk)]


def test_every_action_that_the_gate_denies_is_on_record(demo: dict[str, User]) -> None:
    drop_wanted(iban="DE00123456781234567890")
    work()
    refused = set(Action.objects.filter(verdict="deny").values_list("pk", flat=True))
    told = {event.object_id for event in denied("action.denied")}
    assert refused
    assert {str(pk) for pk in refused} == told


def test_the_evidence_of_a_request_and_an_agents_keys_are_on_record_when_opened(
    demo: dict[str, User], signed_in: Callable[[User], Client]
) -> None:
    drop_wanted("changed_account")
    work()
    request = ApprovalRequest.objects.get()
    for _ in range(2):
        signed_in(demo["auditor"]).get(f"/inbox/C-{request.number}")
        signed_in(demo["admin"]).get("/agents/vendor-desk")
    told = LedgerEvent.objects.filter(type="audit.read").order_by("object_type")
    assert [event.object_type for event in told] == [
        "approvals.approvalrequest",
        "registry.agent",
    ]
