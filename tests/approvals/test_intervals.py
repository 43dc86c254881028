"""How sure a count is, against published values and against the definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.approvals.intervals import at_least, lower_bound, sensitivity, wilson

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("hits", "number", "low", "high"), [(27, 30, 0.74, 0.97), (90, 100, 0.83, 0.94)]
)
def test_wilson_gives_the_intervals_of_the_design(
    hits: int, number: int, low: float, high: float
) -> None:
    found = wilson(hits, number)
    assert (round(found[0], 2), round(found[1], 2)) == (low, high)


@pytest.mark.parametrize(
    ("hits", "number", "confidence", "bound"),
    [
        (27, 30, 0.975, 0.7347),
        (90, 100, 0.975, 0.8238),
        (5, 10, 0.975, 0.1871),
        (0, 20, 0.99, 0.0),
        (60, 60, 0.99, 0.01 ** (1 / 60)),
        (60, 60, 0.998, 0.002 ** (1 / 60)),
        (1, 1, 0.95, 0.05),
    ],
)
def test_the_exact_bound_meets_known_values(
    hits: int, number: int, confidence: float, bound: float
) -> None:
    assert lower_bound(hits, number, confidence) == pytest.approx(bound, abs=5e-5)


@given(COUNTS, st.sampled_from([0.9, 0.95, 0.99, 0.998]))
def test_at_the_bound_the_hits_are_just_improbable(
    counts: tuple[int, int], confidence: float
) -> None:
    hits, number = counts
    bound = lower_bound(hits, number, confidence)
    assert 0 <= bound <= hits / number
    if hits:
        assert at_least(hits, number, bound) == pytest.approx(1 - confidence, rel=1e-6)


@given(COUNTS, st.floats(0.001, 0.999))
def test_the_tail_is_the_sum_of_its_terms(counts: tuple[int, int], share: float) -> None:
    hits, number = counts
    exact = math.fsum(
        math.comb(number, k) * share**k * (1 - share) ** (number - k)
        for k in range(hits, number + 1)
    )
    assert at_least(hits, number, share) == pytest.approx(exact, rel=1e-7, abs=1e-9)


@settings(deadline=None)
@given(COUNTS)
def test_more_hits_and_less_confidence_raise_the_bound(counts: tuple[int, int]) -> None:
    hits, number = counts
    assert sensitivity(hits, number, 0.05) >= sensitivity(hits, number, 0.01)
    if hits < number:
        assert lower_bound(hits + 1, number, 0.99) > lower_bound(hits, number, 0.99)


def test_more_hits_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="more hits"):
        lower_bound(3, 2, 0.95)
