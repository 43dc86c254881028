from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.readiness.mining import dimensions, generate, levels, quality, score
from apps.readiness.mining.dimensions import WEIGHTS
from apps.readiness.mining.results import Decisions, Dimension

FACTS = score.GateFacts(lawful=True, owned=True, critical_low=0.99, cases=500)


def eight(value: float = 0.8, margin: float = 0.05) -> list[Dimension]:
    return [
        Dimension(name, value, max(0.0, value - margin), min(1.0, value + margin), "A")
        for name in WEIGHTS
    ]


dimension = st.tuples(st.floats(0, 1, allow_nan=False), st.floats(0, 0.5), st.floats(0, 0.5)).map(
    lambda t: (t[0], max(0.0, t[0] - t[1]), min(1.0, t[0] + t[2]))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(dimension, min_size=8, max_size=8), st.integers(0, 7), st.floats(0, 1))
def test_a_better_dimension_never_lowers_anything(values, place: int, by: float) -> None:  # type: ignore[no-untyped-def]
    before = [Dimension(name, *each, "A") for name, each in zip(WEIGHTS, values, strict=True)]
    old = before[place]
    after = list(before)
    after[place] = replace(
        old,
        value=old.value + (1 - old.value) * by,
        low=old.low + (1 - old.low) * by,
        high=old.high + (1 - old.high) * by,
    )
    one, two = score.score(before), score.score(after)
    assert two.readiness >= one.readiness - 1e-12
    assert two.low >= one.low - 1e-12
    assert two.ready_chance >= one.ready_chance
    for each in (one, two):
        assert 0 <= each.low <= each.high <= 1 + 1e-12
        assert 0 <= each.robust_low <= each.robust_high <= 1 + 1e-12
        assert each.readiness <= each.arithmetic + 1.01 * score.FLOOR
        low, high = min(d.low for d in each.dimensions), max(d.high for d in each.dimensions)
        assert max(low, score.FLOOR) - 1e-9 <= each.low
        assert each.high <= max(high, score.FLOOR) + 1e-9
    assert score.score(before) == one


def test_a_zero_cannot_be_bought_back() -> None:
    good = eight(1.0, 0)
    bad = [replace(good[0], value=0.0, low=0.0, high=0.0), *good[1:]]
    assert score.score(bad).readiness == pytest.approx(0.01**0.22)
    assert score.score(bad).arithmetic == pytest.approx(0.78)


def test_the_mean_is_the_weighted_geometric_one() -> None:
    values = dict(zip(WEIGHTS, (0.5, 0.9, 0.6, 0.8, 0.7, 1.0, 0.4, 0.75), strict=True))
    product = 1.0
    for name, value in values.items():
        product *= value ** WEIGHTS[name]
    found = score.score([Dimension(n, v, v, v, "A") for n, v in values.items()])
    assert found.readiness == pytest.approx(product)
    assert found.low == pytest.approx(found.high) == pytest.approx(product)
    best = found.gains[0]
    assert best.dimension == "rules"
    assert best.gain == pytest.approx(product * ((0.9 / 0.5) ** 0.22 - 1))


def test_levels_follow_the_lower_bound_and_the_gates() -> None:
    for value, level in ((0.75, 4), (0.6, 3), (0.45, 2), (0.3, 1)):
        assert score.score(eight(value, 0)).level == level
    gates = score.gates(replace(FACTS, owned=False), eight())
    found = score.score(eight(0.95, 0), gates)
    assert found.level == 1
    assert [gate.name for gate in found.blocked] == ["owner"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"lawful": False}, "lawful"),
        ({"critical_low": 0.89}, "data"),
        ({"critical_low": None}, "data"),
        ({"unguarded_irreversible": ("Pay",)}, "reverse"),
        ({"unsanctioned_systems": ("phone",)}, "systems"),
        ({"cases": 199}, "cases"),
    ],
)
def test_each_gate_blocks(change, name: str) -> None:  # type: ignore[no-untyped-def]
    assert all(gate.passed for gate in score.gates(FACTS, eight()))
    found = score.gates(replace(FACTS, **change), eight())
    assert [gate.name for gate in found if not gate.passed] == [name]


def test_more_than_two_unknown_dimensions_block() -> None:
    unknown = [dimensions.unknown(name) for name in WEIGHTS]
    two, three = [*unknown[:2], *eight()[2:]], [*unknown[:3], *eight()[3:]]
    assert all(gate.passed for gate in score.gates(FACTS, two))
    assert [g.name for g in score.gates(FACTS, three) if not g.passed] == ["evidence"]


def test_grades_widen_the_interval() -> None:
    kinds = [
        dimensions.measured("data", 0.8, 0.78, 0.82, cases=500, age_days=3),
        dimensions.measured("data", 0.8, 0.78, 0.82, cases=50, age_days=3),
        dimensions.measured("data", 0.8, 0.78, 0.82, cases=500, age_days=91),
        dimensions.attested("data", 0.8),
        dimensions.unknown("data"),
    ]
    assert [each.grade for each in kinds] == ["A", "B", "B", "C", "D"]
    widths = [each.high - each.low for each in kinds]
    assert widths == sorted(widths)


def test_ranks_of_equal_processes_overlap_and_of_unequal_ones_do_not() -> None:
    ranks = score.rank_ranges({"a": eight(0.9), "b": eight(0.5), "c": eight(0.52, 0.2)})
    assert ranks["a"] == (1, 1)
    assert ranks["b"] == ranks["c"] == (2, 3)
    assert score.rank_ranges({}) == {}


def test_the_quadrant() -> None:
    worth = score.value(cases_a_year=(900, 1000, 1100), minutes=(10, 12, 15), automatable=0.5)
    assert worth.hours == pytest.approx(100)
    assert worth.low < worth.hours < worth.high
    assert levels.quadrant(100, 0.8, 50) == "pilot_now"
    assert levels.quadrant(100, 0.6, 50) == "fix_first"
    assert levels.quadrant(10, 0.8, 50) == "later"
    assert levels.quadrant(10, 0.6, 50) == "leave"


def test_step_verdicts_come_with_their_reason() -> None:
    from apps.readiness.mining import decisions

    log, _ = generate.generate(generate.Plan(cases=1_500))
    found = decisions.mine(log)
    access = dict.fromkeys(log.activities, 1.0) | {"Call vendor": 0.0}
    verdicts = {
        each.activity: each
        for each in score.step_verdicts(
            log.activities, found, access=access, irreversible=["Pay invoice"]
        )
    }
    assert verdicts["Route invoice"].verdict == "automate"
    assert verdicts["Approve by manager"].verdict == "human"
    assert verdicts["Pay invoice"].verdict == "checkpoint"
    assert verdicts["Call vendor"].verdict == "human"
    assert all(each.reason for each in verdicts.values())


def test_dimensions_without_evidence_are_unknown() -> None:
    nothing = Decisions((), None, None, 0.0, 0.0)
    assert dimensions.rules(nothing, cases=500, age_days=1).grade == "D"
    assert dimensions.conform(None, age_days=1).grade == "D"
    assert dimensions.data([], cases=500, age_days=1).grade == "D"
    assert dimensions.reverse([]).grade == "D"
    log, _ = generate.generate(generate.Plan(cases=50))
    assert dimensions.stability(log, age_days=1).grade == "D"


def test_a_steady_process_is_stable() -> None:
    log, _ = generate.generate(generate.Plan(cases=6_000, minutes_between_cases=30))
    found = dimensions.stability(log, age_days=1)
    assert found.grade == "A"
    assert found.value > 0.85


def test_table_rules_count_what_they_check() -> None:
    import polars as pl

    frame = pl.DataFrame(
        {
            "id": ["1", "2", "2", "", None],
            "net": [1.0, 2.0, 3.0, 4.0, None],
            "gross": [1.1, 2.2, 3.3, 9.0, 1.0],
            "tax": [0.1, 0.2, 0.3, 0.4, 0.0],
            "zone": ["EU", "EU", "UK", "XX", None],
        }
    )
    rules = [
        {"field": "id", "check": "complete", "critical": True},
        {"field": "id", "check": "unique"},
        {"field": "zone", "check": "one_of", "values": ["EU", "UK"]},
        {"field": "zone", "check": "pattern", "pattern": "^[A-Z]{2}$"},
        {"field": "net", "check": "range", "least": 2, "most": 3},
        {"field": "gross", "check": "sum_of", "fields": ["net", "tax"], "tolerance": 0.01},
        {"field": "zone", "check": "given_with", "other": "id"},
        {"field": "gross", "check": "not_before", "other": "net"},
    ]
    found = quality.table_quality(frame, rules)
    counts = [(each.good, each.total) for each in found.checks]
    assert counts == [(3, 5), (1, 3), (3, 4), (4, 4), (2, 4), (3, 5), (3, 3), (5, 5)]
    assert found.weakest_field == "id"
    assert found.score == pytest.approx(1 / 3)
    assert found.checks[2].examples == ("XX",)


@pytest.mark.parametrize(
    "rule",
    [
        {"field": "a", "check": "magic"},
        {"field": "z", "check": "complete"},
        {"field": "a", "check": "pattern", "pattern": "("},
        {"field": "a", "check": "fresh", "days": 3},
    ],
)
def test_rules_that_cannot_be_applied_are_refused(rule) -> None:  # type: ignore[no-untyped-def]
    import polars as pl

    with pytest.raises(quality.RuleRefused):
        quality.table_quality(pl.DataFrame({"a": ["x"]}), [rule])


def test_what_a_gate_blocks_is_not_ready_however_it_scores() -> None:
    assert levels.quadrant(100, 0.9, 50, blocked=True) == "fix_first"
    assert levels.level(0.9, blocked=True) == 1
    assert [levels.level(low, blocked=False) for low in (0.1, 0.4, 0.55, 0.7)] == [1, 2, 3, 4]
