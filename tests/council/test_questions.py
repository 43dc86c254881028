"""A member's impartiality is challenged by another; the others decide, before the ballot opens."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.council.models import Elector, Motion, Question
from apps.council.rules import show_of_hands
from apps.council.services import motions, proposals, questions, sweeps
from apps.ledger.models import LedgerEvent
from apps.policies.models import PolicyVersion
from tests.council.support import Council, draft_of, in_ballot, over, vote


@pytest.fixture
def motion(base: PolicyVersion, council: Council) -> Motion:
    author = council["compliance"]
    made = proposals.propose_policy(actor=author, version=draft_of(base, author), rationale="x")
    return motions.second(actor=council["chair"], motion=made)


def challenged(motion: Motion, council: Council) -> Question:
    return questions.challenge(
        actor=council["legal"], motion=motion, member=council["risk"], reason="Sells steel."
    )


def hands(question: Question, council: Council, **answers: bool) -> None:
    for function, yes in answers.items():
        questions.answer(actor=council[function], question=question, yes=yes, reason="")
    question.refresh_from_db()


def opened(motion: Motion) -> Motion:
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    return motion


def test_whom_the_others_find_partial_does_not_vote(motion: Motion, council: Council) -> None:
    question = challenged(motion, council)
    assert question.answers.count() == 1
    assert opened(motion).status == "comment"
    hands(question, council, chair=True)
    assert question.status == "open"
    hands(question, council, security=True)
    assert (question.status, question.outcome_note) == ("yes", "3 yes, 0 no, of 4 asked.")
    assert opened(motion).status == "ballot"
    elector = Elector.objects.get(motion=motion, user=council["risk"])
    assert "The other members found them partial: Sells steel." in elector.recusal_reason
    with pytest.raises(NotPermitted):
        vote(motion, council["risk"])
    told = LedgerEvent.objects.filter(type__startswith="question.").values_list("type", flat=True)
    assert sorted(told) == ["question.answered"] * 3 + ["question.decided", "question.put"]


def test_whom_the_others_trust_votes(motion: Motion, council: Council) -> None:
    question = challenged(motion, council)
    hands(question, council, chair=False, security=False, compliance=False)
    assert question.status == "no"
    assert opened(motion).status == "ballot"
    vote(motion, council["risk"])
    with pytest.raises(Conflict):
        challenged(motion, council)


def test_silence_leaves_the_vote_with_the_member(motion: Motion, council: Council) -> None:
    question = challenged(motion, council)
    Question.objects.update(closes_at=now())
    sweeps.sweep()
    question.refresh_from_db()
    assert (question.status, question.outcome_note) == ("no", "1 yes, 0 no, of 4 asked.")
    assert opened(motion).status == "ballot"
    with pytest.raises(Conflict, match="decided"):
        questions.answer(actor=council["chair"], question=question, yes=True, reason="")


def test_only_members_challenge_members_and_nobody_is_asked_about_themselves(
    motion: Motion, council: Council, auditor: User, stranger: User
) -> None:
    for outsider in (auditor, stranger):
        with pytest.raises(NotPermitted):
            questions.challenge(
                actor=outsider, motion=motion, member=council["risk"], reason="Odd."
            )
    with pytest.raises(NotPermitted):
        questions.challenge(
            actor=council["risk"], motion=motion, member=council["risk"], reason="Me."
        )
    with pytest.raises(Invalid):
        questions.challenge(
            actor=council["legal"], motion=motion, member=council["risk"], reason=" "
        )
    with pytest.raises(Conflict, match="does not vote"):
        questions.challenge(actor=council["legal"], motion=motion, member=auditor, reason="Odd.")
    question = challenged(motion, council)
    for not_asked in (council["risk"], auditor):
        with pytest.raises(NotPermitted):
            questions.answer(actor=not_asked, question=question, yes=False, reason="")
    with pytest.raises(Conflict, match="answered already"):
        questions.answer(actor=council["legal"], question=question, yes=False, reason="")
    with pytest.raises(Conflict, match="already"):
        questions.challenge(
            actor=council["chair"], motion=motion, member=council["risk"], reason="Again."
        )


def test_nobody_is_challenged_once_the_ballot_is_open(
    base: PolicyVersion, council: Council
) -> None:
    with pytest.raises(Conflict, match="before the ballot"):
        challenged(in_ballot(base, council), council)


def test_a_motion_that_ends_ends_the_questions_about_it(motion: Motion, council: Council) -> None:
    question = challenged(motion, council)
    motions.withdraw(actor=council["compliance"], motion=motion, reason="Later.")
    question.refresh_from_db()
    assert (question.status, question.outcome_note) == ("no", "The motion ended.")


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_a_show_of_hands_never_says_yes_without_more_than_half_of_the_hands(
    asked: int, yes: int, no: int, over: bool
) -> None:
    if yes + no > asked:
        return
    found = show_of_hands(asked, yes, no, over=over)
    assert found is not None or not over
    if found:
        assert yes > no
        assert (yes + no) * 2 > asked
    if found is not None and not over:
        assert max(yes, no) * 2 > asked


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_hands_at_one_instant_decide_once(motion: Motion, council: Council) -> None:
    question = challenged(motion, council)
    voters = [council[function] for function in ("chair", "security", "compliance")]
    start, troubles = threading.Barrier(len(voters)), []

    def run(user: User) -> None:
        try:
            start.wait()
            questions.answer(actor=user, question=question, yes=True, reason="")
        except Refused as refusal:
            troubles.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[user]) for user in voters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    question.refresh_from_db()
    assert question.status == "yes"
    assert troubles in ([], ["closed"])
    assert LedgerEvent.objects.filter(type="question.decided").count() == 1
    assert LedgerEvent.objects.filter(type="question.answered").count() == 4 - len(troubles)
