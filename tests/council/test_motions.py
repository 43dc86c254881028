"""From a draft to a rule that binds the next action, and every way in which it may not happen."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client

from apps.access.models import User
from apps.access.services import give_role
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.council.models import Ballot, Charter, Comment, Elector, Motion, Seat
from apps.council.queries import ballot, owed
from apps.council.services import ballots, motions
from apps.council.services.common import constitution
from apps.ledger.models import LedgerEvent
from apps.policies import backtests
from apps.policies.adoption import enforce
from apps.policies.models import Backtest, JudgedRequest, Policy, PolicyVersion
from apps.policies.services import create_policy, save_draft, state_claim
from apps.registry.models import Agent, Tool
from apps.registry.queries import live_grants
from apps.registry.services import register_agent, register_tool
from apps.runtime import gate
from apps.runtime.rules import CallContext
from tests.conftest import spec_named

FORBID_GLASS = """
@id("no-glass") @reason("No glass on the shelf.")
forbid (principal, action == Action::"shelf.put", resource)
when { context.args.thing == "glass" };
"""
FORBID_MORE = FORBID_GLASS.replace('"glass"', '"glass" || context.args.thing == "steel"')
Council = dict[str, User]


@pytest.fixture
def base(agent: Agent, policy: Callable[..., Any]) -> PolicyVersion:
    """Something in force, so that the gate allows at all."""
    version: PolicyVersion = policy(FORBID_GLASS, slug="glass")
    return version


def draft_of(base: PolicyVersion, author: User, text: str = FORBID_MORE) -> PolicyVersion:
    version = save_draft(actor=author, policy=base.policy, text=text)
    with_backtest(version)
    return version


def with_backtest(version: PolicyVersion) -> Backtest:
    row = backtests.start_backtest(actor=None, version=version)
    while backtests.work_on(row.pk):
        pass
    row.refresh_from_db()
    assert row.status == "done"
    return row


def over(motion: Motion, *names: str) -> None:
    """Time passes: the named moments are past."""
    Motion.objects.filter(pk=motion.pk).update(
        **{name: F("created_at") - dt.timedelta(seconds=1) for name in names}
    )
    motion.refresh_from_db()


def in_ballot(base: PolicyVersion, council: Council, text: str = FORBID_MORE) -> Motion:
    motion = motions.propose_policy(
        actor=council["compliance"],
        version=draft_of(base, council["compliance"], text),
        rationale="Steel breaks, too.",
    )
    motions.second(actor=council["chair"], motion=motion)
    over(motion, "comment_ends_at")
    ballots.sweep()
    motion.refresh_from_db()
    assert motion.status == "ballot", motion.outcome_note
    return motion


def vote(motion: Motion, user: User, choice: str = "for", reason: str = "") -> Ballot:
    return ballots.cast(
        actor=user,
        motion=motion,
        choice=choice,
        reason=reason,
        packet_digest=motion.packet_digest,
    )


def settle() -> None:
    """What beat and the worker do: sweeps, and the backtest before anything takes effect."""
    for _ in range(2):
        ballots.sweep()
        for pk in backtests.due():
            while backtests.work_on(pk):
                pass
    ballots.sweep()


def closed(motion: Motion) -> Motion:
    over(motion, "ballot_closes_at")
    settle()
    motion.refresh_from_db()
    return motion


def effect(thing: str, agent: Agent) -> str:
    outcome = gate.attempt(
        agent_id=agent.pk,
        tool="shelf.put",
        arguments={"thing": thing, "amount": 1},
        call=CallContext(idem_key=f"{thing}-{LedgerEvent.objects.count()}"),
    )
    return outcome.verdict


def test_a_draft_becomes_a_rule_by_the_councils_vote_alone(
    base: PolicyVersion, council: Council, agent: Agent
) -> None:
    motion = in_ballot(base, council)
    assert motion.klass == "standard"
    assert effect("steel", agent) == "allow"
    for function in ("compliance", "chair", "legal"):
        vote(motion, council[function])
    vote(motion, council["risk"], "abstain")
    vote(motion, council["security"], "against", "Steel is fine.")
    closed(motion)
    assert (motion.status, motion.result["for"], motion.result["against"]) == ("effective", 3, 1)
    assert effect("steel", agent) == "deny"
    base.refresh_from_db()
    assert base.status == "superseded"
    event = LedgerEvent.objects.get(type="policy.activated", reason__contains=motion.reference)
    assert (event.actor_kind, event.actor_label) == ("system", f"council {motion.reference}")


@pytest.mark.parametrize("who", ["administrator", "operator", "auditor", "approver", "stranger"])
def test_nobody_outside_the_council_votes(
    who: str, base: PolicyVersion, council: Council, request: pytest.FixtureRequest
) -> None:
    motion = in_ballot(base, council)
    with pytest.raises(NotPermitted):
        vote(motion, request.getfixturevalue(who))
    assert not Ballot.objects.exists()


def test_a_draft_that_proves_nothing_is_not_proposed(base: PolicyVersion, council: Council) -> None:
    author = council["compliance"]
    version = save_draft(actor=author, policy=base.policy, text=FORBID_MORE)
    with pytest.raises(Invalid, match="no finished backtest"):
        motions.propose_policy(actor=author, version=version, rationale="x")
    with_backtest(version)
    save_draft(actor=author, policy=base.policy, text=FORBID_GLASS.replace("glass", "stone"))
    version.refresh_from_db()
    with pytest.raises(Invalid, match="no finished backtest"):
        motions.propose_policy(actor=author, version=version, rationale="x")
    with_backtest(version)
    state_claim(actor=author, version=version, looser=False, stricter=True, tools=[])
    version.refresh_from_db()
    with pytest.raises(Invalid, match="claim does not hold"):
        motions.propose_policy(actor=author, version=version, rationale="x")


def test_a_motion_that_loosens_is_significant_and_its_author_does_not_vote(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council, FORBID_GLASS.replace("glass", "stone"))
    assert (motion.klass, motion.loosens) == ("significant", True)
    author = Elector.objects.get(motion=motion, user=council["compliance"])
    assert (author.recused, author.recusal_reason) == (True, "Wrote the text.")
    with pytest.raises(NotPermitted, match="Wrote the text"):
        vote(motion, council["compliance"])


def test_somebody_else_seconds(base: PolicyVersion, council: Council, administrator: User) -> None:
    author = council["compliance"]
    motion = motions.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    for person in (author, administrator):
        with pytest.raises(NotPermitted):
            motions.second(actor=person, motion=motion)
    motions.second(actor=council["risk"], motion=motion)
    with pytest.raises(Conflict):
        motions.second(actor=council["chair"], motion=motion)


def test_an_objection_without_an_answer_keeps_the_ballot_shut(
    base: PolicyVersion, council: Council
) -> None:
    author = council["compliance"]
    motion = motions.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    raised = motions.comment(
        actor=council["risk"], motion=motion, text="We sell steel.", kind="objection"
    )
    over(motion, "comment_ends_at")
    ballots.sweep()
    motion.refresh_from_db()
    assert motion.status == "comment"
    with pytest.raises(NotPermitted):
        motions.answer(actor=council["legal"], objection=raised, text="No.", kind="dismissed")
    with pytest.raises(Invalid):
        motions.answer(actor=author, objection=raised, text=" ", kind="dismissed")
    motions.answer(actor=author, objection=raised, text="Not on shelves.", kind="dismissed")
    ballots.sweep()
    motion.refresh_from_db()
    assert motion.status == "ballot"


def test_only_whoever_objected_takes_it_back(base: PolicyVersion, council: Council) -> None:
    author = council["compliance"]
    motion = motions.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    raised = motions.comment(actor=council["risk"], motion=motion, text="No.", kind="objection")
    with pytest.raises(Conflict):
        motions.withdraw_objection(actor=council["legal"], objection=raised)
    motions.withdraw_objection(actor=council["risk"], objection=raised)
    assert Comment.objects.get().status == "withdrawn"


def test_a_declared_conflict_takes_the_vote_and_not_the_voice(
    base: PolicyVersion, council: Council
) -> None:
    author = council["compliance"]
    motion = motions.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    motions.declare(actor=council["risk"], motion=motion, reason="My sister sells steel.")
    over(motion, "comment_ends_at")
    ballots.sweep()
    motion.refresh_from_db()
    with pytest.raises(NotPermitted, match="sister"):
        vote(motion, council["risk"])
    motions.comment(actor=council["risk"], motion=motion, text="Steel is heavy.")
    with pytest.raises(Conflict):
        motions.declare(actor=council["legal"], motion=motion, reason="Mine, too.")


def test_the_tally_stays_hidden_until_ones_own_vote(base: PolicyVersion, council: Council) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"])
    before = ballot(council["risk"], motion, constitution())
    assert before is not None
    assert (before.tally, before.votes, before.cast) == (None, [], 1)
    assert owed(council["risk"]).count() == 1
    vote(motion, council["risk"], "abstain")
    after = ballot(council["risk"], motion, constitution())
    assert after is not None
    assert after.tally is not None
    assert after.tally.votes_for == 1
    assert owed(council["risk"]).count() == 0


def test_a_vote_may_be_changed_until_the_close_and_all_are_kept(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    for function in council:
        vote(motion, council[function])
    for function in ("risk", "legal", "security"):
        vote(motion, council[function], "against", "On second thoughts.")
    assert Ballot.objects.count() == 8
    closed(motion)
    assert (motion.status, motion.result["for"]) == ("defeated", 2)
    version = PolicyVersion.objects.get(pk=motion.version_id)
    assert version.status == "declined"


def test_at_the_closing_instant_the_databases_time_decides(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    with pytest.raises(Conflict, match="closed"):
        vote(motion, council["chair"])


def test_a_vote_is_cast_on_what_was_read(base: PolicyVersion, council: Council) -> None:
    motion = in_ballot(base, council)
    with pytest.raises(Conflict, match="read it again"):
        ballots.cast(
            actor=council["chair"], motion=motion, choice="for", reason="", packet_digest="0" * 64
        )


@pytest.mark.parametrize(("choice", "error"), [("against", Invalid), ("maybe", Invalid)])
def test_a_vote_against_says_why(
    choice: str, error: type[Refused], base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    with pytest.raises(error):
        vote(motion, council["chair"], choice)


def test_who_joins_during_the_ballot_does_not_vote(
    base: PolicyVersion, council: Council, owner: User, department: Any
) -> None:
    motion = in_ballot(base, council)
    give_role(actor=None, user=owner, role="council_member", reason="New")
    Seat(user=owner, function="finance", starts_at=now()).save()
    with pytest.raises(NotPermitted, match="were not on the council"):
        vote(motion, User.objects.get(pk=owner.pk))


def test_who_loses_the_seat_for_cause_is_not_waited_for(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    for function in ("legal", "risk"):
        seat = Seat.objects.get(user=council[function])
        seat.ends_at, seat.ended_for_cause = now(), function == "legal"
        seat.save()
    for function in ("chair", "compliance"):
        vote(motion, council[function])
    vote(motion, council["security"], "abstain")
    closed(motion)
    assert (motion.result["seats"], motion.status) == (4, "effective")


def test_an_edit_voids_the_votes_and_starts_the_period_again(
    base: PolicyVersion, council: Council
) -> None:
    author = council["compliance"]
    motion = in_ballot(base, council)
    vote(motion, council["chair"])
    other = draft_of(base, author, FORBID_MORE.replace("steel", "stone"))
    with pytest.raises(NotPermitted):
        motions.replace_text(actor=council["legal"], motion=motion, version=other, reason="Better")
    old = motion.packet_digest
    motions.replace_text(actor=author, motion=motion, version=other, reason="Stone, not steel.")
    motion.refresh_from_db()
    assert (motion.status, motion.version_id) == ("comment", other.pk)
    assert motion.packet_digest != old
    assert Ballot.objects.get().void
    assert motion.comment_ends_at is not None
    assert motion.comment_ends_at > now()


def test_the_proposer_moves_the_motion_to_the_draft_on_its_page(
    base: PolicyVersion, council: Council, signed_in: Callable[[User], Client]
) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"])
    other = save_draft(
        actor=council["compliance"], policy=base.policy, text=FORBID_MORE.replace("steel", "stone")
    )
    page, act = signed_in(council["compliance"]), f"/decisions/M-{motion.number}/do/replace"
    assert "no finished backtest" in page.post(act, {"reason": "Stone"}).content.decode()
    with_backtest(other)
    assert signed_in(council["legal"]).post(act, {"reason": "Stone"}).status_code == 403
    assert page.post(act, {"reason": "Stone"}).status_code == 302
    motion.refresh_from_db()
    assert (motion.status, motion.version_id) == ("comment", other.pk)
    compared = page.get(f"/policies/glass/versions/{base.number}..{other.number}")
    assert "becomes" in compared.content.decode()


def test_of_two_motions_on_one_policy_the_second_is_rebased(
    base: PolicyVersion, council: Council, agent: Agent
) -> None:
    author = council["compliance"]
    first = in_ballot(base, council)
    second = motions.propose_policy(
        actor=author,
        version=draft_of(base, author, FORBID_MORE.replace("steel", "stone")),
        rationale="Stone, rather.",
    )
    motions.second(actor=council["chair"], motion=second)
    for user in council.values():
        vote(first, user)
    closed(first)
    assert first.status == "effective"
    over(second, "comment_ends_at")
    old = second.packet_digest
    ballots.sweep()
    second.refresh_from_db()
    assert second.status == "comment"
    for pk in backtests.due():
        while backtests.work_on(pk):
            pass
    ballots.sweep()
    second.refresh_from_db()
    assert second.packet_digest != old
    assert second.packet["base"]["number"] == first.version.number  # type: ignore[union-attr]
    assert second.packet["backtest"] is not None
    over(second, "comment_ends_at")
    ballots.sweep()
    second.refresh_from_db()
    assert second.status == "ballot"


def test_an_adopted_text_whose_base_changed_goes_back_to_the_council(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    for user in council.values():
        vote(motion, user)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    ballots.close_due()
    other = save_draft(actor=None, policy=base.policy, text=FORBID_MORE.replace("steel", "stone"))
    enforce(version=other, reason="Meanwhile")
    ballots.sweep()
    motion.refresh_from_db()
    assert (motion.status, motion.packet["base"]["number"]) == ("comment", other.number)
    assert PolicyVersion.objects.get(pk=motion.version_id).status == "proposed"


def test_adopted_text_that_no_longer_fits_the_tools_is_not_put_in_force(
    base: PolicyVersion, council: Council, tool: Tool
) -> None:
    motion = in_ballot(base, council)
    for user in council.values():
        vote(motion, user)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    ballots.close_due()
    spec = tool.spec
    gone = {**spec.input_schema, "properties": {"amount": {"type": "integer"}}, "required": []}
    changed = replace(spec, input_schema=gone, resource_keys=())
    register_tool(actor=None, spec=changed)
    settle()
    motion.refresh_from_db()
    assert motion.status == "adopted"
    assert "Could not take effect" in motion.outcome_note
    base.refresh_from_db()
    assert base.status == "in_force"


@pytest.mark.parametrize(("rejected", "word"), [(True, "rejected"), (False, "members read 0%")])
def test_what_happened_since_the_vote_may_pause_it(
    rejected: bool, word: str, base: PolicyVersion, council: Council, agent: Agent
) -> None:
    motion = in_ballot(base, council, FORBID_GLASS.replace("glass", "stone"))
    for function in ("chair", "security", "legal", "risk"):
        vote(motion, council[function])
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    ballots.close_due()
    for _ in range(20):
        assert effect("glass", agent) == "deny"
    if rejected:
        JudgedRequest.objects.update(answer="rejected")
    Motion.objects.filter(pk=motion.pk).update(effective_at=now())
    settle()
    motion.refresh_from_db()
    assert motion.status == "adopted"
    assert word in motion.outcome_note
    assert PolicyVersion.objects.get(pk=base.pk).status == "in_force"


def test_a_quorum_missed_once_extends_and_missed_twice_defeats(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"])
    closed(motion)
    assert (motion.status, motion.extended, motion.misses) == ("ballot", True, 1)
    closed(motion)
    assert motion.status == "defeated"
    assert "missed twice" in motion.outcome_note


def test_what_is_settled_closes_early_but_not_before_the_least_time(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    for user in council.values():
        vote(motion, user)
    assert ballots.close_due() == 0
    over(motion, "ballot_opened_at")
    Motion.objects.filter(pk=motion.pk).update(ballot_opened_at=now() - dt.timedelta(days=2))
    assert ballots.close_due() == 1


def test_a_guardian_stops_once_and_the_chair_records_what_comes_of_it(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council, FORBID_GLASS.replace("glass", "stone"))
    for function in ("chair", "security", "legal", "risk"):
        vote(motion, council[function])
    closed(motion)
    assert motion.status == "waiting"
    with pytest.raises(NotPermitted):
        ballots.stop(actor=council["legal"], motion=motion, reason="Wait.")
    ballots.stop(actor=council["security"], motion=motion, reason="Wait.")
    over(motion, "effective_at")
    settle()
    motion.refresh_from_db()
    assert motion.status == "stopped"
    with pytest.raises(NotPermitted):
        ballots.settle_stop(actor=council["security"], motion=motion, lift=True, reason="Fine.")
    ballots.settle_stop(actor=council["chair"], motion=motion, lift=True, reason="Looked at.")
    motion.refresh_from_db()
    with pytest.raises(Conflict, match="once"):
        ballots.stop(actor=council["security"], motion=motion, reason="Again.")
    settle()
    motion.refresh_from_db()
    assert motion.status == "effective"


def test_a_veto_needs_a_guardian_and_a_motion_that_loosens(
    base: PolicyVersion, council: Council
) -> None:
    strict = in_ballot(base, council)
    with pytest.raises(NotPermitted):
        vote(strict, council["security"], "veto", "No.")
    motions.withdraw(actor=council["compliance"], motion=strict, reason="Later.")
    loose = in_ballot(base, council, FORBID_GLASS.replace("glass", "stone"))
    with pytest.raises(NotPermitted):
        vote(loose, council["legal"], "veto", "No.")
    for function in ("chair", "legal", "risk"):
        vote(loose, council[function])
    vote(loose, council["security"], "veto", "Glass cuts people.")
    closed(loose)
    assert (loose.status, loose.outcome_note) == ("vetoed", "Vetoed: Glass cuts people.")


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
    granted = motions.propose_grant(
        actor=owner, agent=agent, tool=tool, scope={"amount": {"max": 5}}, valid_days=30,
        rationale="It puts things on the shelf.",
    )  # fmt: skip
    with pytest.raises(Conflict):
        motions.propose_grant(
            actor=owner, agent=agent, tool=tool, scope={}, valid_days=30, rationale="More."
        )
    works = motions.propose_activation(actor=owner, agent=agent, rationale="Ready.")
    assert granted.packet["rules"][0]["rule"] == "no-glass"
    for motion in (granted, works):
        motions.second(actor=council["chair"], motion=motion)
        over(motion, "comment_ends_at")
    ballots.sweep()
    for motion in (granted, works):
        motion.refresh_from_db()
        for user in council.values():
            vote(motion, user)
        closed(motion)
        over(motion, "effective_at")
    ballots.sweep()
    agent.refresh_from_db()
    assert agent.status == "active"
    assert live_grants().get(agent=agent).scope == {"amount": {"max": 5}}
    assert effect("book", agent) == "allow"


def test_a_tool_that_changed_meanwhile_is_not_granted(
    base: PolicyVersion, council: Council, owner: User, agent: Agent, tool: Tool
) -> None:
    other = register_tool(actor=None, spec=spec_named("shelf.clear", executor="agent"))
    motion = motions.propose_grant(
        actor=owner, agent=agent, tool=other, scope={}, valid_days=30, rationale="Clear."
    )
    motions.second(actor=council["chair"], motion=motion)
    over(motion, "comment_ends_at")
    ballots.sweep()
    motion.refresh_from_db()
    for user in council.values():
        vote(motion, user)
    closed(motion)
    register_tool(
        actor=None, spec=spec_named("shelf.clear", executor="agent", description="All of it")
    )
    over(motion, "effective_at")
    ballots.sweep()
    motion.refresh_from_db()
    assert motion.status == "adopted"
    assert "no longer what the council read" in motion.outcome_note


def test_council_rules_need_three_quarters_of_all_seats(council: Council) -> None:
    values = {"periods": {"standard": {"comment": 1}}, "collapse": True}
    motion = motions.propose_rules(
        actor=council["chair"], payload={"values": values}, rationale="Quicker."
    )
    assert motion.klass == "constitutional"
    motions.second(actor=council["risk"], motion=motion)
    over(motion, "comment_ends_at")
    ballots.sweep()
    motion.refresh_from_db()
    for function in ("chair", "risk", "legal"):
        vote(motion, council[function])
    vote(motion, council["security"], "abstain")
    vote(motion, council["compliance"])
    closed(motion)
    assert motion.status == "waiting"
    assert not Charter.objects.exists()
    over(motion, "effective_at")
    ballots.sweep()
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
        motions.propose_rules(actor=council["chair"], payload={"values": values}, rationale="x")


def test_seats_are_given_and_ended_by_motion_only(
    council: Council, owner: User, administrator: User
) -> None:
    motion = motions.propose_rules(
        actor=administrator,
        payload={"seat": {"user": owner.pk, "function": "operations"}},
        rationale="Somebody from operations.",
    )
    assert motion.title == "A seat for Owner (Operations)"
    assert not Seat.objects.filter(user=owner).exists()
    with pytest.raises(Invalid):
        motions.propose_rules(
            actor=council["chair"],
            payload={"seat": {"user": council["risk"].pk, "function": "risk"}},
            rationale="Twice",
        )


def test_when_too_few_may_vote_the_named_authority_decides(
    base: PolicyVersion, council: Council
) -> None:
    author = council["compliance"]
    motion = motions.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    for function in ("chair", "legal", "risk"):
        motions.declare(actor=council[function], motion=motion, reason="Tied.")
    over(motion, "comment_ends_at")
    ballots.sweep()
    motion.refresh_from_db()
    assert motion.status == "escalated"


def test_the_proposer_takes_a_motion_back_before_the_close(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    with pytest.raises(NotPermitted):
        motions.withdraw(actor=council["chair"], motion=motion, reason="No.")
    motions.withdraw(actor=council["compliance"], motion=motion, reason="Thought again.")
    assert PolicyVersion.objects.get(pk=motion.version_id).status == "declined"
    with pytest.raises(Conflict):
        vote(motion, council["chair"])


@pytest.mark.parametrize("who", ["stranger", "approver", "auditor"])
def test_a_stranger_proposes_nothing(
    who: str, base: PolicyVersion, council: Council, request: pytest.FixtureRequest, agent: Agent
) -> None:
    person = request.getfixturevalue(who)
    version = draft_of(base, council["compliance"])
    with pytest.raises(NotPermitted):
        motions.propose_policy(actor=person, version=version, rationale="x")
    with pytest.raises(NotPermitted):
        motions.propose_activation(actor=person, agent=agent, rationale="x")


def test_a_new_policy_without_a_base_is_put_to_the_vote_as_well(
    council: Council, agent: Agent, base: PolicyVersion
) -> None:
    made: Policy = create_policy(actor=council["chair"], slug="new", title="New", purpose="")
    version = save_draft(
        actor=council["chair"], policy=made, text=FORBID_GLASS.replace("glass", "wood")
    )
    with_backtest(version)
    motion = motions.propose_policy(actor=council["chair"], version=version, rationale="Wood.")
    assert motion.packet["base"] is None
    assert motion.packet["analysis"]["changes"][0]["after"] == "deny"


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_votes_at_one_instant_are_all_counted_and_the_close_comes_once(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    people = list(council.values())
    start, troubles = threading.Barrier(len(people)), []

    def run(user: User) -> None:
        try:
            start.wait()
            vote(motion, user)
        except Refused as refusal:
            troubles.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())

    def close() -> None:
        try:
            ballots.sweep()
        except Refused as refusal:
            troubles.append(refusal.code)
        finally:
            connection.close()

    closers = [threading.Thread(target=close) for _ in range(3)]
    for thread in closers:
        thread.start()
    for thread in closers:
        thread.join()
    settle()
    motion.refresh_from_db()
    assert (motion.status, motion.result["for"]) == ("effective", 5)
    assert LedgerEvent.objects.filter(type="motion.tallied").count() == 1
    assert LedgerEvent.objects.filter(type="policy.activated").count() == 2
