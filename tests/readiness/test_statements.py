"""Rules of tables and of decisions: what is not whole is told before anything is uploaded, and what
passed here never breaks the worker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.readiness.mining import generate, quality, replays
from apps.readiness.mining.statements import CHECKS, TESTS, decision_problem, rule_problem

NOW = datetime(2026, 11, 27, tzinfo=UTC)
FRAME = pl.DataFrame({"a": ["1", "x", None], "b": ["2", "3", "2026-11-01"]})
VALUES = st.one_of(
    st.sampled_from(["a", "b", "", "[", "^1"]), st.integers(-5, 5), st.floats(), st.none(),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
)  # fmt: skip
RULES = st.fixed_dictionaries(
    {"check": st.sampled_from([*CHECKS, "odd"])},
    optional=dict.fromkeys(
        ("field", "fields", "values", "pattern", "least", "most", "other", "days", "tolerance"),
        VALUES,
    ),
)


@given(RULES)
def test_a_rule_is_refused_with_a_sentence_or_carried_out(rule: dict[str, Any]) -> None:
    if rule_problem(rule):
        with pytest.raises(quality.RuleRefused):
            quality.table_quality(FRAME, [rule], now=NOW)
        return
    try:
        found = quality.table_quality(FRAME, [rule], now=NOW)
    except quality.RuleRefused as refusal:
        found = None
        words = str(refusal)
    assert found is not None or "column" in words or "cannot be applied" in words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"field": "a", "check": "one_of"}, "needs “values”"),
        ({"field": "a", "check": "pattern"}, "needs “pattern”"),
        ({"field": "a", "check": "pattern", "pattern": "["}, "cannot be read"),
        ({"field": "a", "check": "range", "least": "low"}, "is a number"),
        ({"field": "a", "check": "range"}, "least"),
        ({"field": "a", "check": "fresh"}, "needs “days”"),
        ({"fields": ["a"], "check": "complete"}, "Say which"),
        ({"check": "odd"}, "is one of"),
        ("text", "is one of"),
    ],
)
def test_what_a_rule_lacks_is_told(rule: Any, words: str) -> None:
    assert words in rule_problem(rule)


GOOD: dict[str, Any] = {
    "at": "Route invoice",
    "when": [{"field": "amount", "test": "over", "value": 5000.0}],
    "then": "Approve by manager",
    "otherwise": "Approve by clerk",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"then": "Approve by clerk"}, "same step"),
        ({"when": []}, "Say when"),
        ({"when": [{"field": "amount", "test": "around", "value": 5}]}, "A test is one of"),
        ({"when": [{"field": "amount", "test": "over", "value": "five"}]}, "with a number"),
        ({"when": [{"field": "amount", "test": "over", "value": float("nan")}]}, "with a number"),
        ({"when": [{"field": "amount", "test": "equals", "value": float("inf")}]}, "no number"),
        ({"when": [{"field": "x", "test": "one_of", "value": "a"}]}, "with a list"),
        ({"at": ""}, "after which step"),
    ],
)
def test_what_a_decision_rule_lacks_is_told(change: dict[str, Any], words: str) -> None:
    assert decision_problem(GOOD) == ""
    assert words in decision_problem({**GOOD, **change})
    log, _ = generate.generate(generate.Plan(cases=20))
    with pytest.raises(ValueError, match=words):
        replays.replay(log, {**GOOD, **change})


@pytest.mark.parametrize("test", TESTS)
def test_every_test_is_carried_out(test: str) -> None:
    log, _ = generate.generate(generate.Plan(cases=40))
    value: Any = [5000.0] if test == "one_of" else 5000.0
    rule = {**GOOD, "when": [{"field": "amount", "test": test, "value": value}]}
    assert replays.replay(log, rule).applicable > 0
