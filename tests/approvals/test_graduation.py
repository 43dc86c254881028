"""Acceptance 13: what reviews prove, and how seldom they prove what is not so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.approvals.graduation import (
    FAR,
    Claim,
    claim_of,
    clean_needed,
    log_evidence,
    log_factors,
    threshold,
    upper_bound,
    weighed,
)
from apps.approvals.intervals import sensitivity
from apps.approvals.levels import LOSSES

STREAMS, ITEMS = 2_000, 3_000
COUNTS = st.dictionaries(st.sampled_from(sorted(LOSSES)), st.integers(0, 2_000))


def graduated(
    rng: np.random.Generator, seen: float, tolerance: float, needed: float, streams: int = STREAMS
) -> float:
    """The share of streams with so many faults seen that ever reach what is needed, looked at after
    every item."""
    fine, major = (np.array(log_factors(tolerance, loss)) for loss in (0.0, 1.0))
    faults = rng.random((streams, ITEMS)) < seen
    reached = np.zeros(streams, dtype=bool)
    bad = np.cumsum(faults, axis=1)
    good = np.arange(1, ITEMS + 1) - bad
    capital = np.zeros((streams, ITEMS))
    for one, other in zip(fine, major, strict=True):
        lost = np.where(bad > 0, bad * other, 0.0) if math.isfinite(other) else 0.0
        ended = (bad > 0) & (not math.isfinite(other))
        capital += np.where(ended, 0.0, np.exp(np.minimum(good * one + lost, 700))) / 5
    reached |= (capital >= needed).any(axis=1)
    return float(reached.mean())


@pytest.mark.parametrize("tolerance", [0.05, 0.02, 0.01])
def test_at_the_limit_at_most_five_in_a_hundred_graduate(tolerance: float) -> None:
    rng = np.random.default_rng(20261126)
    assert graduated(rng, tolerance, tolerance, threshold(1, 0.05)) <= 0.05


@pytest.mark.parametrize("tolerance", [0.05, 0.02])
def test_nor_where_the_reviewers_find_three_in_ten(tolerance: float) -> None:
    """Sixty known-answer items say how much they find; each stream has a count of its own."""
    rng = np.random.default_rng(7)
    hits, number = np.unique(rng.binomial(60, 0.3, STREAMS), return_counts=True)
    passed = 0.0
    for found, streams in zip(hits, number, strict=True):
        claim = Claim(tolerance, 0.05, sensitivity(int(found), 60, 0.05))
        share = graduated(rng, 0.3 * tolerance, claim.tested, claim.needed, int(streams))
        passed += share * streams
    assert passed / STREAMS <= 0.05


def test_uncorrected_they_would_graduate_though_they_must_not() -> None:
    """What the correction is for: seven in ten faults unseen look like a good agent."""
    rng = np.random.default_rng(7)
    assert graduated(rng, 0.3 * 0.02, 0.02, threshold(1, 0.05)) > 0.5


def test_a_good_agent_graduates() -> None:
    rng = np.random.default_rng(7)
    assert graduated(rng, 0.002, 0.02, threshold(1, 0.05)) >= 0.99


@pytest.mark.parametrize(
    ("tolerance", "faults", "reviews"),
    [
        (0.05, 0, 89), (0.05, 1, 150), (0.05, 5, 305),
        (0.02, 0, 226), (0.02, 1, 378), (0.02, 5, 768),
        (0.01, 0, 454), (0.01, 1, 760), (0.01, 5, 1_542),
        (0.005, 0, 910), (0.005, 1, 1_523), (0.005, 5, 3_088),
    ],
)  # fmt: skip
def test_so_many_reviews_are_needed(tolerance: float, faults: int, reviews: int) -> None:
    """The table of autonomy.md 3 (c)."""
    clean = clean_needed({"major": faults}, tolerance, math.log(threshold(1, 0.05)))
    assert clean + faults == pytest.approx(reviews, abs=1)


@given(COUNTS, st.sampled_from(sorted(LOSSES)), st.floats(0.001, 0.2))
def test_a_worse_finding_never_speaks_for_a_scope(
    counts: dict[str, int], severity: str, tolerance: float
) -> None:
    better = {**counts, "fine": counts.get("fine", 0) + 1}
    worse = {**counts, severity: counts.get(severity, 0) + 1}
    assert log_evidence(worse, tolerance) <= log_evidence(better, tolerance) + 1e-9


@given(COUNTS)
def test_the_bound_is_what_the_reviews_speak_against(counts: dict[str, int]) -> None:
    bound = upper_bound(counts, 0.05)
    assert 0 < bound <= 1
    if bound < 0.999:
        assert log_evidence(counts, bound) == pytest.approx(-math.log(0.05), abs=0.01)
    total = sum(counts.values())
    if total:
        assert bound > sum(LOSSES[name] * number for name, number in counts.items()) / total - 1e-9


def test_nothing_seen_proves_nothing() -> None:
    found = weighed({}, Claim(0.05, 0.05, 0.8))
    assert (found.percent, found.enough) == (0, False)
    assert weighed({"major": 1_000_000}, Claim(0.05, 0.05, 0.8)).clean == FAR


@pytest.mark.parametrize(
    ("risk", "level", "known", "possible"),
    [
        ("low", 1, None, True), ("low", 3, None, True), ("low", 4, 0.9, False),
        ("medium", 1, None, True), ("medium", 2, None, False), ("medium", 2, 0.9, True),
        ("high", 2, 0.9, True), ("high", 3, 0.9, False), ("critical", 1, 0.9, False),
        ("low", 1, 0.0, False),
    ],
)  # fmt: skip
def test_where_nothing_is_above_or_nobody_knows_what_is_missed(
    risk: str, level: int, known: float | None, possible: bool
) -> None:
    assert (claim_of(risk, level, 1, known) is not None) == possible
