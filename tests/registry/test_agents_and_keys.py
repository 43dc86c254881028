"""Agents, their keys, tools and permissions."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent, AgentCredential, Tool
from apps.registry.queries import authenticate, live_grants, standing
from apps.registry.rules import ToolSpec, pin_of
from apps.registry.services import (
    activate_agent,
    grant,
    issue_credential,
    register_agent,
    register_tool,
    resume_agent,
    retire_agent,
    revoke_credential,
    revoke_grant,
    rotate_credential,
    suspend_agent,
)
from apps.registry.states import MOVES, AgentStatus
from tests.conftest import spec_named


def soon(days: int = 30) -> dt.datetime:
    return now() + dt.timedelta(days=days)


def key_for(agent: Agent, **more: object) -> tuple[AgentCredential, str]:
    return issue_credential(actor=None, agent=agent, label="k", expires_at=soon(), **more)  # type: ignore[arg-type]


def test_a_key_is_shown_once_and_only_its_hash_is_kept(agent: Agent) -> None:
    credential, text = key_for(agent)
    assert credential.digest == hashlib.sha256(text.encode()).hexdigest()
    everything = " ".join(str(row) for row in AgentCredential.objects.values())
    everything += " ".join(str(row) for row in LedgerEvent.objects.values())
    assert text not in everything
    assert authenticate(text).pk == credential.pk


@pytest.mark.parametrize("days", [-1, 0, 91, 4000])
def test_a_key_must_end_within_ninety_days(agent: Agent, days: int) -> None:
    with pytest.raises(Invalid):
        issue_credential(actor=None, agent=agent, label="k", expires_at=soon(days))


def refusal(text: str) -> str:
    with pytest.raises(Refused) as refused:
        authenticate(text)
    return refused.value.sentence


def test_unknown_expired_revoked_and_suspended_are_refused_alike(
    agent: Agent, operator: User
) -> None:
    _, first = key_for(agent)
    expired, second = key_for(agent)
    expired.expires_at = now() - dt.timedelta(seconds=1)
    expired.not_before = expired.expires_at - dt.timedelta(days=1)
    expired.save()
    revoked, third = key_for(agent)
    revoke_credential(actor=None, credential=revoked, reason="Leaked")
    sentences = {refusal("agk_abc_def"), refusal(""), refusal(second), refusal(third)}
    suspend_agent(actor=operator, agent=agent, reason="Odd")
    sentences.add(refusal(first))
    assert len(sentences) == 1


def test_a_rotated_key_and_its_successor_both_work_for_the_overlap(agent: Agent) -> None:
    old, old_text = key_for(agent)
    new, new_text = rotate_credential(actor=None, credential=old)
    assert authenticate(old_text).pk == old.pk
    assert authenticate(new_text).pk == new.pk
    assert new.replaces_id == old.pk
    with pytest.raises(Invalid):
        rotate_credential(actor=None, credential=new, overlap=dt.timedelta(days=30))


@pytest.mark.parametrize("who", ["stranger", "auditor", "member", "approver"])
def test_only_those_who_may_issue_keys(
    who: str, request: pytest.FixtureRequest, agent: Agent
) -> None:
    with pytest.raises(NotPermitted):
        issue_credential(
            actor=request.getfixturevalue(who), agent=agent, label="k", expires_at=soon()
        )


def test_an_agent_goes_through_its_life_in_order(agent: Agent, administrator: User) -> None:
    with pytest.raises(Conflict):
        activate_agent(actor=None, agent=agent, reason="Again")
    suspend_agent(actor=administrator, agent=agent, reason="Odd")
    agent.refresh_from_db()
    assert not standing(agent.pk, None).ok
    resume_agent(actor=administrator, agent=agent, reason="Fine")
    agent.refresh_from_db()
    assert standing(agent.pk, None).ok
    retire_agent(actor=administrator, agent=agent, reason="Done")
    agent.refresh_from_db()
    with pytest.raises(Conflict):
        resume_agent(actor=administrator, agent=agent, reason="Back")


@given(st.lists(st.sampled_from(AgentStatus.values), max_size=8))
def test_no_walk_leads_out_of_retirement(walk: list[str]) -> None:
    status = "draft"
    for step in walk:
        if step in MOVES[status]:
            status = step
        assert status != "retired" or MOVES[status] == ()


def test_a_suspended_agents_keys_and_questions_stop_and_the_owner_is_told_what_runs(
    agent: Agent, owner: User
) -> None:
    assert suspend_agent(actor=owner, agent=agent, reason="Mine") == []
    assert LedgerEvent.objects.filter(type="agent.suspended", reason="Mine").count() == 1


def test_a_stranger_cannot_suspend(agent: Agent, stranger: User) -> None:
    with pytest.raises(NotPermitted):
        suspend_agent(actor=stranger, agent=agent, reason="x")
    agent.refresh_from_db()
    assert agent.status == "active"


def test_registering_twice_under_one_name_is_refused(
    agent: Agent, administrator: User, owner: User
) -> None:
    with pytest.raises(Refused):
        register_agent(
            actor=administrator,
            slug=agent.slug,
            name="Other",
            purpose="x",
            owner=owner,
            created_by=administrator,
            sponsor=agent.sponsor,
        )


def test_a_permission_ends_is_taken_and_is_given_once(agent: Agent, tool: Tool) -> None:
    live = live_grants().filter(agent=agent, tool=tool).first()
    assert live is not None
    with pytest.raises(Refused):
        grant(actor=None, agent=agent, tool=tool, expires_at=soon(), reason="Twice")
    revoke_grant(actor=None, grant=live, reason="Over")
    assert not live_grants().filter(agent=agent, tool=tool).exists()


@pytest.mark.parametrize(
    "scope",
    [{"nothing": {"max": 1}}, {"amount": {"most": 1}}, {"amount": {"max": "1"}}, {"amount": 3}],
)
def test_a_scope_that_cannot_be_judged_is_refused(
    agent: Agent, tool: Tool, scope: dict[str, object]
) -> None:
    revoke_grant(actor=None, grant=agent.grants.get(), reason="Over")
    with pytest.raises(Invalid):
        grant(actor=None, agent=agent, tool=tool, scope=scope, expires_at=soon(), reason="x")


def test_a_permission_has_an_end(agent: Agent, tool: Tool) -> None:
    revoke_grant(actor=None, grant=agent.grants.get(), reason="Over")
    with pytest.raises(Invalid):
        grant(actor=None, agent=agent, tool=tool, expires_at=soon(-1), reason="x")


def test_the_database_refuses_a_permission_that_ends_before_it_begins(agent: Agent) -> None:
    given = agent.grants.get()
    given.expires_at = given.starts_at - dt.timedelta(days=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        given.save()


NAMES = st.from_regex(r"[a-z]{1,6}\.[a-z]{1,6}", fullmatch=True)


@given(name=NAMES, title=st.text(max_size=10), words=st.text(max_size=20))
def test_a_pin_follows_what_a_tool_does_and_not_what_it_is_called(
    name: str, title: str, words: str
) -> None:
    spec = spec_named(name)
    assert pin_of(spec) == pin_of(ToolSpec(**{**spec.__dict__, "title": title}))
    changed = ToolSpec(**{**spec.__dict__, "description": spec.description + words})
    assert (pin_of(changed) == pin_of(spec)) == (words == "")


@pytest.mark.parametrize("name", ["", "Shelf.Put", "shelf put", "shelf..put", "x" * 200])
def test_a_tools_name_is_words_joined_by_dots(db: None, name: str) -> None:
    with pytest.raises(Refused):
        register_tool(actor=None, spec=spec_named(name))


def test_the_pages_show_the_key_once(
    agent: Agent, administrator: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(administrator)
    body = {"label": "New", "days": "30", "scopes": ""}
    response = page.post(f"/agents/{agent.slug}/keys", body)
    assert response.status_code == 200
    text = response.content.decode()
    assert "agk_" in text
    assert "no-store" in response["Cache-Control"]


def test_an_owner_sees_their_agent_and_a_stranger_does_not(
    agent: Agent, owner: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    assert signed_in(owner).get(f"/agents/{agent.slug}").status_code == 200
    assert signed_in(stranger).get(f"/agents/{agent.slug}").status_code == 404
    assert signed_in(stranger).get("/agents/no-such").status_code == 404
