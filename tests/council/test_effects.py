"""Agents, permissions, rules and seats: by motion only."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access.models import User
from apps.common.errors import Conflict, Invalid
from apps.council.models import Charter, Seat
from apps.council.services import motions, proposals, sweeps
from apps.council.services.common import constitution
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent, Tool
from apps.registry.queries import live_grants
from apps.registry.services import register_agent, register_tool
from tests.conftest import spec_named
from tests.council.support import Council, closed, effect, over, vote


def test_an_agent_goes_to_work_and_gets_permissions_by_motions(
    base: PolicyVersion, council: Council, owner: User, administrator: User, tool: Tool
) -> None:
    agent = register_agent(
        actor=None,
        slug="newcomer",
        name="Newcomer",
        purpose="Helps.",
        owner=owner,
        created_by=administrator,
        sponsor=owner.department,
    )
    granted = proposals.propose_grant(
        actor=owner, agent=agent, tool=tool, scope={"amount": {"max": 5}}, valid_days=30,
        rationale="It puts things on the shelf.",
    )  # fmt: skip
    with pytest.raises(Conflict):
        proposals.propose_grant(
            actor=owner, agent=agent, tool=tool, scope={}, valid_days=30, rationale="More."
        )
    works = proposals.propose_activation(actor=owner, agent=agent, rationale="Ready.")
    assert granted.packet["rules"][0]["rule"] == "no-glass"
    for motion in (granted, works):
        motions.second(actor=council["chair"], motion=motion)
        over(motion, "comment_ends_at")
    sweeps.sweep()
    for motion in (granted, works):
        motion.refresh_from_db()
        for user in council.values():
            vote(motion, user)
        closed(motion)
        over(motion, "effective_at")
    sweeps.sweep()
    agent.refresh_from_db()
    assert agent.status == "active"
    assert live_grants().get(agent=agent).scope == {"amount": {"max": 5}}
    assert effect("book", agent) == "allow"


def test_a_tool_that_changed_meanwhile_is_not_granted(
    base: PolicyVersion, council: Council, owner: User, agent: Agent, tool: Tool
) -> None:
    other = register_tool(actor=None, spec=spec_named("shelf.clear", executor="agent"))
    motion = proposals.propose_grant(
        actor=owner, agent=agent, tool=other, scope={}, valid_days=30, rationale="Clear."
    )
    motions.second(actor=council["chair"], motion=motion)
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    for user in council.values():
        vote(motion, user)
    closed(motion)
    register_tool(
        actor=None, spec=spec_named("shelf.clear", executor="agent", description="All of it")
    )
    over(motion, "effective_at")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "adopted"
    assert "no longer what the council read" in motion.outcome_note


def test_council_rules_need_three_quarters_of_all_seats(council: Council) -> None:
    values = {"periods": {"standard": {"comment": 1}}, "collapse": True}
    motion = proposals.propose_rules(
        actor=council["chair"], payload={"values": values}, rationale="Quicker."
    )
    assert motion.klass == "constitutional"
    motions.second(actor=council["risk"], motion=motion)
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    for function in ("chair", "risk", "legal"):
        vote(motion, council[function])
    vote(motion, council["security"], "abstain")
    vote(motion, council["compliance"])
    closed(motion)
    assert motion.status == "waiting"
    assert not Charter.objects.exists()
    over(motion, "effective_at")
    sweeps.sweep()
    found = constitution()
    assert (found.collapse, found.periods["standard"]["comment"]) == (True, 1)
    assert found.periods["significant"]["comment"] == 5


@pytest.mark.parametrize(
    "values",
    [
        {"periods": {"standard": {"comment": -1}}},
        {"periods": {"standard": {"ballot": 0}}},
        {"periods": {"daily": {}}},
        {"periods": {"standard": {"naps": 1}}},
        {"guardians": []},
    ],
)
def test_rules_that_no_council_could_work_with_are_not_proposed(
    values: dict[str, Any], council: Council
) -> None:
    with pytest.raises(Invalid):
        proposals.propose_rules(actor=council["chair"], payload={"values": values}, rationale="x")


def test_seats_are_given_and_ended_by_motion_only(
    council: Council, owner: User, administrator: User
) -> None:
    motion = proposals.propose_rules(
        actor=administrator,
        payload={"seat": {"user": owner.pk, "function": "operations"}},
        rationale="Somebody from operations.",
    )
    assert motion.title == "A seat for Owner (Operations)"
    assert not Seat.objects.filter(user=owner).exists()
    with pytest.raises(Invalid):
        proposals.propose_rules(
            actor=council["chair"],
            payload={"seat": {"user": council["risk"].pk, "function": "risk"}},
            rationale="Twice",
        )
