"""From a draft to the ballot, and every way in which it may not happen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Ballot, Comment, Motion
from apps.council.services import comments, motions, proposals, sweeps
from apps.ledger.models import LedgerEvent
from apps.policies import backtests, replay
from apps.policies.models import Policy, PolicyVersion
from apps.policies.services import create_policy, save_draft, state_claim
from apps.registry.models import Agent
from tests.council.support import (
    FORBID_GLASS,
    FORBID_MORE,
    Council,
    closed,
    draft_of,
    in_ballot,
    over,
    vote,
    with_backtest,
)


def test_a_draft_that_proves_nothing_is_not_proposed(base: PolicyVersion, council: Council) -> None:
    author = council["compliance"]
    version = save_draft(actor=author, policy=base.policy, text=FORBID_MORE)
    with pytest.raises(Invalid, match="no finished backtest"):
        proposals.propose_policy(actor=author, version=version, rationale="x")
    with_backtest(version)
    save_draft(actor=author, policy=base.policy, text=FORBID_GLASS.replace("glass", "stone"))
    version.refresh_from_db()
    with pytest.raises(Invalid, match="no finished backtest"):
        proposals.propose_policy(actor=author, version=version, rationale="x")
    with_backtest(version)
    state_claim(actor=author, version=version, looser=False, stricter=True, tools=[])
    version.refresh_from_db()
    with pytest.raises(Invalid, match="claim does not hold"):
        proposals.propose_policy(actor=author, version=version, rationale="x")


def test_somebody_else_seconds(base: PolicyVersion, council: Council, administrator: User) -> None:
    author = council["compliance"]
    motion = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
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
    motion = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    raised = comments.comment(
        actor=council["risk"], motion=motion, text="We sell steel.", kind="objection"
    )
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "comment"
    with pytest.raises(NotPermitted):
        comments.answer(actor=council["legal"], objection=raised, text="No.", kind="dismissed")
    with pytest.raises(Invalid):
        comments.answer(actor=author, objection=raised, text=" ", kind="dismissed")
    comments.answer(actor=author, objection=raised, text="Not on shelves.", kind="dismissed")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "ballot"


def test_only_whoever_objected_takes_it_back(base: PolicyVersion, council: Council) -> None:
    author = council["compliance"]
    motion = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    raised = comments.comment(actor=council["risk"], motion=motion, text="No.", kind="objection")
    with pytest.raises(Conflict):
        comments.withdraw_objection(actor=council["legal"], objection=raised)
    comments.withdraw_objection(actor=council["risk"], objection=raised)
    assert Comment.objects.get().status == "withdrawn"


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
    second = proposals.propose_policy(
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
    sweeps.sweep()
    second.refresh_from_db()
    assert second.status == "comment"
    for pk in backtests.due():
        while replay.work_on(pk):
            pass
    sweeps.sweep()
    second.refresh_from_db()
    assert second.packet_digest != old
    assert second.packet["base"]["number"] == first.version.number  # type: ignore[union-attr]
    assert second.packet["backtest"] is not None
    over(second, "comment_ends_at")
    sweeps.sweep()
    second.refresh_from_db()
    assert second.status == "ballot"


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


def test_votes_cast_before_a_withdrawal_are_counted_and_published(
    base: PolicyVersion, council: Council, signed_in: Callable[[User], Client]
) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"], "against", "Steel is fine.")
    motions.withdraw(actor=council["compliance"], motion=motion, reason="Thought again.")
    motion.refresh_from_db()
    assert (motion.result["against"], motion.result["cast"]) == (1, 1)
    assert LedgerEvent.objects.filter(type="motion.tallied").count() == 1
    page = signed_in(council["risk"]).get(f"/decisions/M-{motion.number}").content.decode()
    assert "Steel is fine." in page


def test_nothing_is_withdrawn_after_the_ballot_has_closed(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    with pytest.raises(Conflict, match="closed"):
        motions.withdraw(actor=council["compliance"], motion=motion, reason="It goes badly.")


def test_an_answer_that_is_not_accepted_stands_beside_the_ballot(
    base: PolicyVersion, council: Council, signed_in: Callable[[User], Client]
) -> None:
    author = council["compliance"]
    motion = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    raised = comments.comment(actor=council["risk"], motion=motion, text="No.", kind="objection")
    with pytest.raises(Conflict):
        comments.escalate_objection(actor=council["risk"], objection=raised)
    comments.answer(actor=author, objection=raised, text="It is fine.", kind="dismissed")
    with pytest.raises(Conflict):
        comments.escalate_objection(actor=council["legal"], objection=raised)
    comments.escalate_objection(actor=council["risk"], objection=raised)
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "ballot"
    page = signed_in(council["legal"])
    assert (
        "does not accept the answer" in page.get(f"/decisions/M-{motion.number}").content.decode()
    )
    assert "whose answer was not accepted" in page.get("/council/").content.decode()


def test_the_second_motion_on_a_policy_shows_the_first(
    base: PolicyVersion, council: Council, signed_in: Callable[[User], Client]
) -> None:
    first = in_ballot(base, council)
    second = proposals.propose_policy(
        actor=council["compliance"],
        version=draft_of(base, council["compliance"], FORBID_MORE.replace("steel", "stone")),
        rationale="Stone, rather.",
    )
    page = signed_in(council["legal"]).get(f"/decisions/M-{second.number}").content.decode()
    assert f"{first.reference} " in page
    assert "is about the same" in page


@pytest.mark.parametrize("who", ["stranger", "approver", "auditor"])
def test_a_stranger_proposes_nothing(
    who: str, base: PolicyVersion, council: Council, request: pytest.FixtureRequest, agent: Agent
) -> None:
    person = request.getfixturevalue(who)
    version = draft_of(base, council["compliance"])
    with pytest.raises(NotPermitted):
        proposals.propose_policy(actor=person, version=version, rationale="x")
    with pytest.raises(NotPermitted):
        proposals.propose_activation(actor=person, agent=agent, rationale="x")


def test_a_new_policy_without_a_base_is_put_to_the_vote_as_well(
    council: Council, agent: Agent, base: PolicyVersion
) -> None:
    made: Policy = create_policy(actor=council["chair"], slug="new", title="New", purpose="")
    version = save_draft(
        actor=council["chair"], policy=made, text=FORBID_GLASS.replace("glass", "wood")
    )
    with_backtest(version)
    motion = proposals.propose_policy(actor=council["chair"], version=version, rationale="Wood.")
    assert motion.packet["base"] is None
    assert motion.packet["analysis"]["changes"][0]["after"] == "deny"
