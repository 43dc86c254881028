"""Between the vote and its effect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted
from apps.council.models import Motion, Question
from apps.council.services import ballots, questions, sweeps, timelock
from apps.policies.adoption import enforce
from apps.policies.models import JudgedRequest, PolicyVersion
from apps.policies.services import save_draft
from apps.registry.models import Agent, Tool
from apps.registry.services import register_tool
from tests.council.support import (
    FORBID_GLASS,
    FORBID_MORE,
    Council,
    closed,
    effect,
    in_ballot,
    over,
    settle,
    vote,
)


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
    sweeps.sweep()
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


def stopped(base: PolicyVersion, council: Council) -> Motion:
    """Compliance wrote it and does not vote; security stops it, which counts as a no."""
    motion = in_ballot(base, council, FORBID_GLASS.replace("glass", "stone"))
    for function in ("chair", "security", "legal", "risk"):
        vote(motion, council[function])
    closed(motion)
    assert motion.status == "waiting"
    with pytest.raises(NotPermitted):
        timelock.stop(actor=council["legal"], motion=motion, reason="Wait.")
    timelock.stop(actor=council["security"], motion=motion, reason="Wait.")
    motion.refresh_from_db()
    assert motion.status == "stopped"
    return motion


def hand(motion: Motion, user: User, *, yes: bool) -> None:
    questions.answer(actor=user, question=motion.questions.get(), yes=yes, reason="")


def test_a_guardian_stops_once_and_the_council_lets_it_go_on(
    base: PolicyVersion, council: Council
) -> None:
    motion = stopped(base, council)
    over(motion, "effective_at")
    settle()
    motion.refresh_from_db()
    assert motion.status == "stopped"
    with pytest.raises(NotPermitted):
        hand(motion, council["compliance"], yes=True)
    with pytest.raises(Conflict, match="answered already"):
        hand(motion, council["security"], yes=True)
    for function in ("chair", "legal"):
        hand(motion, council[function], yes=True)
    motion.refresh_from_db()
    assert motion.status == "stopped"
    hand(motion, council["risk"], yes=True)
    motion.refresh_from_db()
    assert motion.status == "waiting"
    with pytest.raises(Conflict, match="once"):
        timelock.stop(actor=council["security"], motion=motion, reason="Again.")
    settle()
    motion.refresh_from_db()
    assert motion.status == "effective"


def test_a_stop_that_the_council_upholds_ends_the_motion(
    base: PolicyVersion, council: Council
) -> None:
    motion = stopped(base, council)
    for function in ("chair", "legal"):
        hand(motion, council[function], yes=False)
    motion.refresh_from_db()
    assert motion.status == "vetoed"
    assert PolicyVersion.objects.get(pk=motion.version_id).status == "declined"


def test_a_stop_that_nobody_takes_up_ends_the_motion(base: PolicyVersion, council: Council) -> None:
    motion = stopped(base, council)
    Question.objects.update(closes_at=now())
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "vetoed"
    assert "0 yes, 1 no, of 4 asked" in motion.outcome_note


def test_the_same_text_is_stopped_once_whichever_packet_brings_it(
    base: PolicyVersion, council: Council
) -> None:
    motion = stopped(base, council)
    for function in ("chair", "legal", "risk"):
        hand(motion, council[function], yes=True)
    other = save_draft(actor=None, policy=base.policy, text=FORBID_MORE.replace("steel", "wood"))
    enforce(version=other, reason="Meanwhile")
    over(motion, "effective_at")
    old = motion.packet_digest
    settle()
    motion.refresh_from_db()
    assert motion.status == "comment"
    assert motion.packet_digest != old
    Motion.objects.filter(pk=motion.pk).update(status="waiting", effective_at=now())
    with pytest.raises(Conflict, match="once"):
        timelock.stop(actor=council["security"], motion=motion, reason="Again.")
