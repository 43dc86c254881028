"""The analyses find what the generator planted."""

from itertools import pairwise

import pytest

from apps.readiness.mining import (
    conformance,
    constraints,
    decisions,
    documented,
    generate,
    graph,
    quality,
    replays,
    rework,
    systems,
    variants,
)
from apps.readiness.mining.events import between, of_rows
from apps.readiness.mining.results import EventLog, LogRefused, SystemFact

PLAN = generate.Plan(cases=3_000, seed=11)


@pytest.fixture(scope="module")
def planted() -> tuple[EventLog, generate.Truth]:
    return generate.generate(PLAN)


@pytest.fixture(scope="module")
def mined(planted: tuple[EventLog, generate.Truth]):  # type: ignore[no-untyped-def]
    return decisions.mine(planted[0])


def test_shadow_work_and_the_control_left_out_are_found_exactly(planted) -> None:  # type: ignore[no-untyped-def]
    log, truth = planted
    found = conformance.conformance(log, documented.from_steps(generate.STEPS))
    shadow = {each.activity: each.cases for each in found.shadow_work}
    assert shadow == {"Call vendor": truth.called, "Check in spreadsheet": truth.sheet}
    skipped = {each.activity: each.cases for each in found.skipped_controls}
    assert skipped == {"Match purchase order": truth.sheet}
    assert {each.activity: each.cases for each in found.order_violations} == {
        "Pay invoice": truth.early
    }
    assert {each.activity: each.cases for each in found.extra_work} == {
        "Read fields": truth.misread
    }
    assert found.not_computed_cases == 0


def test_a_documented_step_on_a_strange_system_is_shadow_work(planted) -> None:  # type: ignore[no-untyped-def]
    log, truth = planted
    net = documented.from_steps(generate.STEPS)
    found = conformance.conformance(log, net, unsanctioned=["bank"])
    cases = {each.activity: each.cases for each in found.shadow_work}
    assert cases["Pay invoice (in bank)"] == truth.cases


def test_the_manager_who_returns_more_makes_the_decision_depend_on_people(mined) -> None:  # type: ignore[no-untyped-def]
    point = next(each for each in mined.points if each.activity == "Approve by manager")
    assert point.verdict == "person_dependent"
    assert point.person_dependence is not None
    assert point.person_dependence > 0.2
    assert point.explained < 0.2


def test_the_routing_rule_is_called_structured_and_said_in_words(mined) -> None:  # type: ignore[no-untyped-def]
    point = next(each for each in mined.points if each.activity == "Route invoice")
    assert point.verdict == "structured"
    assert point.kappa > 0.95
    assert any("amount" in rule and "Approve by manager" in rule for rule in point.rules)


def test_chance_is_called_judgement_or_unrecorded_information(mined) -> None:  # type: ignore[no-untyped-def]
    point = next(each for each in mined.points if each.activity == "Match purchase order")
    assert point.verdict == "judgement_or_unrecorded"
    assert point.explained < 0.05
    assert 0 < mined.residual_bits_per_case < mined.bits_per_case
    assert mined.rules_low <= mined.rules <= 1


def test_the_same_log_gives_the_same_answer(planted, mined) -> None:  # type: ignore[no-untyped-def]
    assert decisions.mine(planted[0]) == mined


def test_shuffled_outcomes_explain_nothing() -> None:
    log, _ = generate.generate(generate.Plan(cases=2_000, seed=3, routing_noise=0.5))
    found = decisions.mine(log)
    point = next(each for each in found.points if each.activity == "Route invoice")
    assert abs(point.kappa) < 0.08
    assert point.explained < 0.02
    assert point.verdict == "judgement_or_unrecorded"


def test_a_small_log_has_insufficient_evidence() -> None:
    log, _ = generate.generate(generate.Plan(cases=90, seed=2))
    found = decisions.mine(log)
    assert {each.verdict for each in found.points} == {"insufficient"}
    assert found.rules is None


def test_a_documented_rule_is_replayed(planted) -> None:  # type: ignore[no-untyped-def]
    rule = {
        "at": "Route invoice",
        "when": [{"field": "amount", "test": "over", "value": PLAN.limit}],
        "then": "Approve by manager",
        "otherwise": "Approve by clerk",
    }
    found = replays.replay(planted[0], rule)
    assert found.applicable == PLAN.cases
    assert 0.98 < found.low < found.share < found.high
    assert found.applicable - found.agreed >= len(found.disagreements) > 0
    with pytest.raises(ValueError, match="no field"):
        replays.replay(planted[0], {**rule, "when": [{"field": "x", "test": "over", "value": 1}]})


def test_systems_that_nobody_sanctioned_surface(planted) -> None:  # type: ignore[no-untyped-def]
    log, truth = planted
    known = [SystemFact(name, True, "api") for name in ("mailbox", "ocr", "erp", "workflow")]
    found = systems.system_graph(log, [*known, SystemFact("bank", True, "ui")])
    assert set(found.unsanctioned) == {"phone", "spreadsheet"}
    shares = {node.name: node.share for node in found.nodes}
    assert shares["phone"] == pytest.approx(truth.called / truth.cases)
    single = {node.name for node in found.nodes if node.single_point}
    assert single == {"mailbox", "ocr", "workflow", "bank"}
    assert found.access_share is not None
    assert 0.8 < found.access_share < 1


def test_rework_and_hand_offs(planted) -> None:  # type: ignore[no-untyped-def]
    log, truth = planted
    again = rework.loops(log)
    assert again.self_loop == pytest.approx(truth.misread / truth.cases)
    assert again.by_activity["Read fields"] == truth.misread
    hands = rework.hand_offs(log)
    assert hands.per_case is not None
    assert hands.ping_pong is not None
    teams: dict[str, list[str]] = {}
    for case, team in log.frame.select("case", "team").rows():
        runs = teams.setdefault(case, [])
        if not runs or runs[-1] != team:
            runs.append(team)
    bounced = sum(any(a == b for a, b in zip(t, t[2:], strict=False)) for t in teams.values())
    assert hands.ping_pong_cases == bounced


def test_constraints_count_the_cases_that_break_them(planted) -> None:  # type: ignore[no-untyped-def]
    log, truth = planted
    rules = [
        {"kind": "precedence", "first": "Match purchase order", "second": "Pay invoice"},
        {"kind": "four_eyes", "first": "Approve by manager", "second": "Return to vendor"},
        {"kind": "never_both", "first": "Match purchase order", "second": "Check in spreadsheet"},
    ]
    before, eyes, never = constraints.check(log, rules)
    assert (before.applicable, before.violated) == (truth.cases, truth.sheet)
    assert eyes.violated == eyes.applicable > 0
    assert never.violated == 0
    with pytest.raises(ValueError, match="not a rule"):
        constraints.check(log, [{"kind": "maybe", "first": "a", "second": "b"}])


def test_edges_and_variants_agree_with_plain_counting(planted) -> None:  # type: ignore[no-untyped-def]
    log, _ = planted
    paths: dict[str, list[str]] = {}
    for case, activity in log.frame.select("case", "activity").rows():
        paths.setdefault(case, []).append(activity)
    counts: dict[tuple[str, str], int] = {}
    for path in paths.values():
        for pair in pairwise(path):
            counts[pair] = counts.get(pair, 0) + 1
    drawn = graph.directly_follows(log)
    assert {(edge.source, edge.target): edge.count for edge in drawn.edges} == counts
    found = variants.variants(log)
    assert {each.activities for each in found.variants} == {tuple(p) for p in paths.values()}
    assert sum(each.cases for each in found.variants) == len(paths)
    of_case = dict(variants.of_cases(log, found).select("case", "variant").rows())
    assert all(found.variants[of_case[case]].activities == tuple(p) for case, p in paths.items())
    assert found.coverage[found.for_80_percent - 1] >= 0.8


def test_a_clean_log_scores_well_and_a_dirty_one_does_not(planted) -> None:  # type: ignore[no-untyped-def]
    log, _ = planted
    clean = quality.log_quality(log)
    assert clean.score == 1.0
    assert clean.score_low is not None
    assert clean.score_low > 0.99
    rows = generate.generated(generate.Plan(cases=300, seed=5))[0]
    for row in rows[::4]:
        row["case"] = ""
    for row in rows[1::9]:
        row["activity"] = row["activity"].lower()
    dirty = quality.log_quality(of_rows([*rows, *rows[1:40:2]]))
    assert dirty.weakest_field == "case"
    assert dirty.score == pytest.approx(0.75, abs=0.02)
    kinds = {each.kind for each in dirty.imperfections}
    assert {"duplicates", "near_labels", "no_case"} <= kinds


def test_two_periods_part_the_cases_and_keep_them_whole(planted) -> None:  # type: ignore[no-untyped-def]
    log, truth = planted
    middle = log.first_at + (log.last_at - log.first_at) / 2
    early = between(log, log.first_at, middle)
    late = between(log, middle, log.last_at)
    assert early.cases + late.cases == log.cases == truth.cases
    assert early.events + late.events == log.events
    assert graph.directly_follows(early).cases == early.cases
    assert variants.variants(late).cases == late.cases
    with pytest.raises(LogRefused, match="No case began"):
        between(log, log.last_at, log.last_at)
