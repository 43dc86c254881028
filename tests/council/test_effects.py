"""Agents, permissions, rules and seats: by motion only."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.models import Checkpoint
from apps.approvals.services import scope_for, tighten
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Charter, Motion, Seat
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


def test_a_scope_is_typed_in_lines_and_a_bad_one_keeps_what_was_typed(
    council: Council, owner: User, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    tool = register_tool(
        actor=None,
        spec=spec_named("shelf.pay", executor="agent", input_schema={
            "type": "object",
            "properties": {"amount": {"type": "integer"}, "currency": {"type": "string"}},
            "additionalProperties": False,
        }),
    )  # fmt: skip
    page, url = signed_in(owner), f"/decisions/propose/grant/{agent.slug}"
    typed = {"tool": tool.pk, "valid_days": 30, "rationale": "It pays small sums."}
    for scope, words in BAD_SCOPES:
        answer = page.post(url, {**typed, "scope": scope})
        shown = html.unescape(answer.content.decode())
        assert (answer.status_code, words in shown, scope in shown) == (422, True, True), scope
        assert "It pays small sums." in shown
    assert not Motion.objects.exists()
    scope = "amount at least 1\namount at most 500\n\ncurrency one of EUR, USD"
    assert page.post(url, {**typed, "scope": scope}).status_code == 302
    assert Motion.objects.get().payload["scope"] == {
        "amount": {"min": 1, "max": 500},
        "currency": {"in": ["EUR", "USD"]},
    }


BAD_SCOPES = [
    ('{"amount": {"max": 5}}', "Line 1: write an argument"),
    ("amount at most 5\nsum at most 5", "Line 2: the tool has no argument sum"),
    ("amount at most many", "compared with a whole number, not with many"),
    ("amount at most 5\namount at most 6", "Line 2: amount at most is there twice"),
    ("currency at most 5", "currency is no whole number"),
    ("amount one of ,", "amount takes words or whole numbers"),
]


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


def adopted(motion: Motion, council: Council) -> Motion:
    """Seconded, voted by everybody who may, and in effect if it can be."""
    motions.second(actor=council["risk"], motion=motion)
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    for elector in motion.electors.filter(recused=False).select_related("user"):
        vote(motion, elector.user)
    closed(motion)
    over(motion, "effective_at")
    sweeps.sweep()
    motion.refresh_from_db()
    return motion


def test_people_see_less_of_a_capability_by_motion_only_and_one_level_at_a_time(
    council: Council, agent: Agent, owner: User, stranger: User
) -> None:
    scope = scope_for(agent, "shelf.put", "medium")
    with pytest.raises(NotPermitted):
        proposals.propose_level(actor=stranger, scope=scope, rationale="Less work.")
    motion = proposals.propose_level(actor=owner, scope=scope, rationale="It went well.")
    assert (motion.klass, motion.loosens, motion.agent_id) == ("significant", True, agent.pk)
    (change,) = motion.packet["changes"]
    assert (change["before"], change["after"]) == ("100 % (L1)", "50 % (L2)")
    with pytest.raises(Conflict, match="asks for the same"):
        proposals.propose_level(actor=owner, scope=scope, rationale="Twice.")
    assert adopted(motion, council).status == "effective"
    scope.refresh_from_db()
    assert scope.level == 2
    tighten(scope=scope, reason="Odd.")
    scope.refresh_from_db()
    lift = proposals.propose_level(actor=owner, scope=scope, rationale="It was nothing.")
    assert lift.payload == {"lift": scope.pk}
    assert adopted(lift, council).status == "effective"
    scope.refresh_from_db()
    assert (scope.held, scope.level) == (False, 2)


def test_a_level_is_not_raised_over_a_review_that_came_meanwhile(
    council: Council, agent: Agent, owner: User
) -> None:
    scope = scope_for(agent, "shelf.put", "medium")
    motion = proposals.propose_level(actor=owner, scope=scope, rationale="It went well.")
    tighten(scope=scope, reason="Odd.")
    assert adopted(motion, council).status == "adopted"
    assert "under full review" in motion.outcome_note
    scope.refresh_from_db()
    assert (scope.held, scope.level) == (True, 1)


def test_critical_risk_is_not_even_proposed(council: Council, agent: Agent, owner: User) -> None:
    scope = scope_for(agent, "shelf.put", "critical")
    with pytest.raises(Conflict, match="never rises"):
        proposals.propose_level(actor=owner, scope=scope, rationale="x")


def test_a_checkpoint_is_drawn_by_motion_only(
    council: Council, checkpoint: Checkpoint, owner: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(owner)
    data = {"checkpoint": checkpoint.pk, "rate": 20, "rationale": "Most are ordinary."}
    assert page.post("/decisions/propose/draw", {**data, "rate": 0}).status_code == 422
    assert page.post("/decisions/propose/draw", data).status_code == 302
    motion = Motion.objects.get()
    assert motion.loosens
    shown = page.get(f"/decisions/M-{motion.number}").content.decode()
    assert "People would see less than today." in shown
    assert adopted(motion, council).status == "effective"
    checkpoint.refresh_from_db()
    assert (checkpoint.hard, checkpoint.rate) == (False, 20)


def test_fewer_people_at_a_checkpoint_loosen_and_more_do_not(
    council: Council, checkpoint: Checkpoint, owner: User
) -> None:
    more = proposals.propose_checkpoint(
        actor=owner, checkpoint=checkpoint, approvers=2, rationale="Two see more."
    )
    assert not more.loosens
    assert adopted(more, council).status == "effective"
    checkpoint.refresh_from_db()
    fewer = proposals.propose_checkpoint(
        actor=owner, checkpoint=checkpoint, approvers=1, rationale="One is enough."
    )
    assert fewer.loosens


def test_rules_are_changed_field_by_field_and_members_read_what_differs(
    council: Council, auditor: User, signed_in: Callable[[User], Client], stranger: User
) -> None:
    url = "/decisions/propose/rules"
    assert signed_in(stranger).get(url).status_code == 404
    page = signed_in(council["chair"])
    form = page.get(url).context["form"]
    data = {name: form.initial[name] for name in form.fields if name in form.initial}
    data |= {"rationale": "Quicker.", "collapse": ""}
    same = page.post(url, data)
    assert same.status_code == 422
    assert "These are the rules as they stand." in same.content.decode()
    data |= {"standard-comment": 1, "authority": auditor.username}
    assert page.post(url, data).status_code == 302
    motion = Motion.objects.get()
    assert [(row["before"], row["after"]) for row in motion.packet["changes"]] == [
        ("2", "1"), ("nobody", "auditor"),
    ]  # fmt: skip
    assert adopted(motion, council).status == "effective"
    assert (constitution().authority, constitution().guardians) == (
        "auditor", ("security", "compliance"),
    )  # fmt: skip
