"""Who votes, on what, until when; and what the count makes of it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.access.models import User
from apps.access.services import give_role
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.council.models import Ballot, Charter, Elector, Motion, Seat
from apps.council.queries import ballot, owed
from apps.council.services import (
    authority,
    ballots,
    comments,
    motions,
    proposals,
    sweeps,
)
from apps.council.services.common import constitution
from apps.ledger.models import LedgerEvent
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent
from tests.council.support import (
    FORBID_GLASS,
    FORBID_MORE,
    Council,
    closed,
    draft_of,
    effect,
    in_ballot,
    over,
    settle,
    vote,
)


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


def test_a_motion_that_loosens_is_significant_and_its_author_does_not_vote(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council, FORBID_GLASS.replace("glass", "stone"))
    assert (motion.klass, motion.loosens) == ("significant", True)
    author = Elector.objects.get(motion=motion, user=council["compliance"])
    assert (author.recused, author.recusal_reason) == (True, "Wrote the text.")
    with pytest.raises(NotPermitted, match="Wrote the text"):
        vote(motion, council["compliance"])


def test_a_declared_conflict_takes_the_vote_and_not_the_voice(
    base: PolicyVersion, council: Council
) -> None:
    author = council["compliance"]
    motion = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    motions.declare(actor=council["risk"], motion=motion, reason="My sister sells steel.")
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    with pytest.raises(NotPermitted, match="sister"):
        vote(motion, council["risk"])
    comments.comment(actor=council["risk"], motion=motion, text="Steel is heavy.")
    with pytest.raises(Conflict):
        motions.declare(actor=council["legal"], motion=motion, reason="Mine, too.")


def test_the_tally_stays_hidden_until_ones_own_vote(base: PolicyVersion, council: Council) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"])
    before = ballot(council["risk"], motion, constitution())
    assert before is not None
    assert (before.counts, before.votes, before.cast) == (None, [], 1)
    assert owed(council["risk"]).count() == 1
    vote(motion, council["risk"], "abstain")
    after = ballot(council["risk"], motion, constitution())
    assert after is not None
    assert after.counts is not None
    assert after.counts["for"] == 1
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
    with pytest.raises(NotPermitted, match="Your seat has ended"):
        vote(motion, council["legal"], "against", "I was still asked.")
    closed(motion)
    assert (motion.result["seats"], motion.status) == (4, "effective")


def test_a_quorum_missed_once_gives_a_second_ballot_and_missed_twice_defeats(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"])
    closed(motion)
    assert (motion.status, motion.misses) == ("inquorate", 1)
    with pytest.raises(Conflict):
        vote(motion, council["chair"])
    over(motion, "comment_ends_at")
    settle()
    motion.refresh_from_db()
    assert (motion.status, motion.round) == ("ballot", 2)
    assert owed(council["chair"]).count() == 1
    closed(motion)
    assert motion.status == "defeated"
    assert "missed twice" in motion.outcome_note


def test_what_came_to_no_quorum_twice_comes_back_with_a_change_only(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    Motion.objects.filter(pk=motion.pk).update(misses=1)
    motion.refresh_from_db()
    assert closed(motion).status == "defeated"
    same = draft_of(base, council["compliance"])
    with pytest.raises(Conflict, match="exactly this"):
        proposals.propose_policy(actor=council["compliance"], version=same, rationale="Again.")
    same.refresh_from_db()
    assert same.status == "draft"
    changed = draft_of(base, council["compliance"], FORBID_MORE.replace("steel", "stone"))
    proposals.propose_policy(actor=council["compliance"], version=changed, rationale="Changed.")


def test_a_quorum_that_comes_late_keeps_the_ballot_open_once(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    soon = now() + dt.timedelta(hours=1)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=soon)
    for function in ("chair", "legal"):
        vote(motion, council[function])
    motion.refresh_from_db()
    assert (motion.extended, motion.ballot_closes_at) == (False, soon)
    vote(motion, council["risk"], "against", "Steel is fine.")
    motion.refresh_from_db()
    assert motion.extended
    assert motion.ballot_closes_at is not None
    assert motion.ballot_closes_at > now() + dt.timedelta(hours=23)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=soon)
    vote(motion, council["security"])
    motion.refresh_from_db()
    assert motion.ballot_closes_at == soon


def test_who_finds_out_late_that_they_are_partial_abstains_and_says_why(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    with pytest.raises(Invalid, match="what binds you"):
        vote(motion, council["risk"], "conflict")
    vote(motion, council["risk"], "conflict", "My sister sells steel.")
    for function in ("chair", "legal"):
        vote(motion, council[function])
    closed(motion)
    assert (motion.status, motion.result["abstained"]) == ("effective", 1)


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


def escalated(base: PolicyVersion, council: Council) -> Motion:
    author = council["compliance"]
    motion = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    motions.second(actor=council["chair"], motion=motion)
    for function in ("chair", "legal", "risk"):
        motions.declare(actor=council[function], motion=motion, reason="Tied.")
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "escalated"
    return motion


@pytest.mark.parametrize(("adopted", "status"), [(True, "effective"), (False, "defeated")])
def test_when_too_few_may_vote_the_named_authority_decides(
    adopted: bool, status: str, base: PolicyVersion, council: Council, auditor: User
) -> None:
    motion = escalated(base, council)

    def decide(actor: User, reason: str = "Looked at it.") -> None:
        authority.decide_escalated(
            actor=actor,
            motion=motion,
            adopted=adopted,
            reason=reason,
            packet_digest=motion.packet_digest,
        )

    with pytest.raises(NotPermitted):
        decide(auditor)
    Charter(values={"authority": auditor.username}).save()
    for other in (council["chair"], council["compliance"]):
        with pytest.raises(NotPermitted):
            decide(other)
    with pytest.raises(Invalid):
        decide(auditor, " ")
    decide(auditor)
    settle()
    motion.refresh_from_db()
    assert motion.status == status
    assert "Auditor in the council's place" in motion.outcome_note


def test_an_authority_that_is_bound_to_the_motion_does_not_decide_it(
    base: PolicyVersion, council: Council
) -> None:
    motion = escalated(base, council)
    Charter(values={"authority": council["risk"].username}).save()
    with pytest.raises(NotPermitted, match="Tied"):
        authority.decide_escalated(
            actor=council["risk"],
            motion=motion,
            adopted=True,
            reason="I like it.",
            packet_digest=motion.packet_digest,
        )


def test_dissent_is_recorded_by_those_who_voted_otherwise_for_two_days(
    base: PolicyVersion, council: Council
) -> None:
    motion = in_ballot(base, council)
    for function in ("chair", "legal", "risk"):
        vote(motion, council[function])
    vote(motion, council["security"], "against", "Steel is fine.")
    with pytest.raises(Conflict):
        comments.comment(actor=council["security"], motion=motion, text="No.", kind="dissent")
    closed(motion)
    for function in ("chair", "compliance"):
        with pytest.raises(Conflict):
            comments.comment(actor=council[function], motion=motion, text="No.", kind="dissent")
    comments.comment(actor=council["security"], motion=motion, text="We sell it.", kind="dissent")
    Motion.objects.filter(pk=motion.pk).update(closed_at=now() - dt.timedelta(days=2, minutes=1))
    with pytest.raises(Conflict):
        comments.comment(actor=council["security"], motion=motion, text="More.", kind="dissent")


def test_the_record_gives_no_open_ballot_away(
    base: PolicyVersion, council: Council, signed_in: Callable[[User], Client], stranger: User
) -> None:
    motion = in_ballot(base, council)
    vote(motion, council["chair"], "against", "Steel is fine.")
    url = f"/decisions/M-{motion.number}.json"
    assert signed_in(stranger).get(url).status_code == 404
    assert signed_in(council["risk"]).get(url).json()["ballots"] == []
    assert len(signed_in(council["chair"]).get(url).json()["ballots"]) == 1
    closed(motion)
    told = signed_in(council["risk"]).get(url).json()
    assert [each["reason"] for each in told["ballots"]] == ["Steel is fine."]
    assert len(told["electorate"]) == 5


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
            sweeps.sweep()
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
