"""Every vector of the council's truth table, and what must hold for any ballot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.council.rules import (
    CLASSES,
    CONSTITUTIONAL,
    SIGNIFICANT,
    STANDARD,
    ClassRules,
    Elector,
    Ties,
    Vote,
    can_decide,
    class_of,
    needed,
    recusal,
    settled,
    tally,
)

TWO_THIRDS = replace(SIGNIFICANT, functions=frozenset())


def seats(number: int = 7, *, recused: int = 0, **more: object) -> list[Elector]:
    return [
        Elector(person, recused=person < recused, **more)  # type: ignore[arg-type]
        for person in range(number)
    ]


def votes(words: str, start: int = 0) -> list[Vote]:
    """`"2 for 1 against 1 abstain"`, by the persons from `start` on."""
    found: list[Vote] = []
    parts = words.split()
    for count, choice in zip(parts[::2], parts[1::2], strict=True):
        for _ in range(int(count)):
            found.append(Vote(start + len(found), choice))
    return found


@pytest.mark.parametrize(
    ("words", "rules", "outcome"),
    [
        ("3 for", STANDARD, "inquorate"),
        ("2 for 2 against", STANDARD, "defeated"),
        ("2 for 1 against 1 abstain", STANDARD, "adopted"),
        ("7 abstain", STANDARD, "defeated"),
        ("4 for 2 against", TWO_THIRDS, "adopted"),
        ("3 for 2 against", TWO_THIRDS, "defeated"),
        ("5 for", CONSTITUTIONAL, "defeated"),
        ("6 for", CONSTITUTIONAL, "adopted"),
        ("6 for 1 against", CONSTITUTIONAL, "adopted"),
        ("5 for 2 abstain", CONSTITUTIONAL, "defeated"),
    ],
)
def test_the_truth_table_of_seven_seats(words: str, rules: ClassRules, outcome: str) -> None:
    assert tally(seats(), votes(words), rules).outcome == outcome


def test_the_recused_leave_the_quorum() -> None:
    electorate = seats(recused=2)
    found = tally(electorate, votes("2 for 1 against", start=2), STANDARD)
    assert (found.outcome, found.eligible, found.quorum_needed) == ("adopted", 5, 3)


def test_a_recused_ballot_is_ignored() -> None:
    electorate = seats(recused=2)
    found = tally(electorate, votes("2 against 2 for 1 against"), STANDARD)
    assert (found.votes_for, found.against, found.outcome) == (2, 1, "adopted")


def test_a_body_of_the_recused_cannot_decide() -> None:
    electorate = seats(recused=5)
    assert not can_decide(electorate)
    assert tally(electorate, votes("2 for", start=5), STANDARD).outcome == "escalated"
    assert can_decide(seats(9, recused=6))
    assert not can_decide(seats(10, recused=7))


def test_of_changed_votes_the_last_counts() -> None:
    cast = [*votes("4 for"), Vote(0, "against"), Vote(1, "against"), Vote(2, "against")]
    found = tally(seats(), cast, STANDARD)
    assert (found.votes_for, found.against, found.outcome) == (1, 3, "defeated")


def test_an_outsider_is_ignored() -> None:
    found = tally(seats(), [*votes("2 for 2 against"), Vote(99, "for")], STANDARD)
    assert (found.cast, found.outcome) == (4, "defeated")


@pytest.mark.parametrize(
    ("reason", "may_veto", "vetoes", "outcome"),
    [
        ("Unsafe.", True, True, "vetoed"),
        ("", True, True, "adopted"),
        ("Unsafe.", False, True, "adopted"),
        ("Unsafe.", True, False, "adopted"),
    ],
)
def test_a_veto_needs_a_reason_a_seat_and_a_motion_that_loosens(
    reason: str, may_veto: bool, vetoes: bool, outcome: str
) -> None:
    cast = [*votes("4 for"), Vote(6, "veto", reason)]
    rules = replace(STANDARD, vetoes=vetoes)
    found = tally(seats(may_veto=may_veto), cast, rules)
    assert found.outcome == outcome
    assert found.against == (0 if outcome == "vetoed" else 1)


def test_identical_ballots_of_one_department_are_one_where_the_rules_say_so() -> None:
    homes = ["finance"] * 3 + ["risk", "legal", "it", "people"]
    electorate = [Elector(person, affiliation=home) for person, home in enumerate(homes)]
    cast = [*votes("3 for"), Vote(3, "against"), Vote(4, "against")]
    assert tally(electorate, cast, STANDARD).outcome == "adopted"
    found = tally(electorate, cast, replace(STANDARD, collapse=True))
    assert (found.votes_for, found.against, found.outcome) == (1, 2, "defeated")


def test_security_and_compliance_must_have_voted_on_what_is_significant() -> None:
    functions = ["security", "compliance", "legal", "risk", "finance", "people", "chair"]
    electorate = [Elector(person, function) for person, function in enumerate(functions)]
    assert tally(electorate, votes("5 for", start=2), SIGNIFICANT).outcome == "inquorate"
    cast = [Vote(0, "abstain"), Vote(1, "against"), *votes("3 for", start=2)]
    assert tally(electorate, cast, SIGNIFICANT).outcome == "adopted"
    without = [replace(elector, recused=elector.function == "security") for elector in electorate]
    assert tally(without, cast[1:], SIGNIFICANT).outcome == "adopted"


BALLOTS = st.lists(
    st.builds(
        Vote,
        st.integers(0, 8),
        st.sampled_from(["for", "against", "abstain", "veto"]),
        st.sampled_from(["", "Because."]),
    ),
    max_size=20,
)
BODIES = st.lists(
    st.builds(
        Elector,
        st.just(0),
        st.sampled_from(["security", "compliance", "legal"]),
        st.sampled_from(["", "a", "b"]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
).map(lambda body: [replace(elector, person=index) for index, elector in enumerate(body)])
RULES = st.sampled_from(list(CLASSES.values()))


@given(BODIES, BALLOTS, RULES)
def test_nobody_is_counted_who_may_not_vote_and_nobody_twice(
    body: list[Elector], cast: list[Vote], rules: ClassRules
) -> None:
    found = tally(body, cast, rules)
    eligible = {elector.person for elector in body if not elector.recused}
    assert set(found.counted) <= eligible
    assert found.cast == len(found.counted) <= found.eligible == len(eligible)
    if found.outcome in ("adopted", "defeated"):
        assert found.votes_for + found.against + found.abstained == found.cast


@given(BODIES, BALLOTS, RULES, st.integers(0, 8))
def test_another_vote_for_never_defeats_and_one_against_never_adopts(
    body: list[Elector], cast: list[Vote], rules: ClassRules, person: int
) -> None:
    if any(vote.person == person for vote in cast):
        return
    before = tally(body, cast, rules).outcome
    if before == "adopted":
        assert tally(body, [*cast, Vote(person, "for")], rules).outcome == "adopted"
    if before == "defeated":
        assert tally(body, [*cast, Vote(person, "against")], rules).outcome == "defeated"


@given(BODIES, BALLOTS, RULES, st.lists(st.sampled_from(["for", "against", "abstain"]), max_size=8))
def test_what_is_settled_stays_so(
    body: list[Elector], cast: list[Vote], rules: ClassRules, rest: list[str]
) -> None:
    if not settled(body, cast, rules):
        return
    voted = {vote.person for vote in cast}
    out = [e.person for e in body if not e.recused and e.person not in voted]
    more = [Vote(person, choice) for person, choice in zip(out, rest, strict=False)]
    assert tally(body, [*cast, *more], rules).outcome == tally(body, cast, rules).outcome


@given(st.integers(0, 40), st.sampled_from([(1, 2), (2, 3), (3, 4), (0, 1)]), st.booleans())
def test_the_number_needed_is_the_smallest_that_reaches_the_share(
    whole: int, share: tuple[int, int], strict: bool
) -> None:
    number = needed(share, whole, strict=strict)
    assert number * share[1] >= share[0] * whole
    assert number == 0 or (number - 1) * share[1] <= share[0] * whole


@pytest.mark.parametrize(
    ("ties", "klass", "recused"),
    [
        (Ties(), "constitutional", False),
        (Ties(owns_agent=True), "standard", True),
        (Ties(created_agent=True), "standard", True),
        (Ties(wrote_text=True), "standard", False),
        (Ties(wrote_text=True), "significant", True),
        (Ties(declared="My sister sells it."), "standard", True),
        (Ties(subject_of_incident=True), "standard", True),
        (Ties(manages_owner=True), "standard", True),
    ],
)
def test_whoever_is_tied_to_a_motion_does_not_vote(ties: Ties, klass: str, recused: bool) -> None:
    assert bool(recusal(ties, klass)) == recused


@pytest.mark.parametrize(
    ("kind", "loosens", "new", "klass"),
    [
        ("policy", False, False, "standard"),
        ("policy", True, False, "significant"),
        ("grant", False, False, "significant"),
        ("activation", False, True, "significant"),
        ("rules", False, False, "constitutional"),
        ("checkpoint", False, False, "significant"),
    ],
)
def test_the_class_of_a_motion_follows_from_what_it_does(
    kind: str, loosens: bool, new: bool, klass: str
) -> None:
    assert class_of(kind, loosens=loosens, new_capability=new) == klass
