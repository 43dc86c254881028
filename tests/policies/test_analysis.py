"""The analysis finds exactly what Cedar itself would decide otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.policies.analysis.expressions import duration
from apps.policies.analysis.grid import TooLarge, differences, grid_for, guards_of, weaknesses
from apps.policies.analysis.report import Claim, analyse, broken_claims
from apps.policies.bench import Bench
from apps.policies.rules import Asked, Outline, flip_of, outline, step_of
from apps.policies.text import Compiled, compile_text
from apps.registry.rules import ToolSpec

SPEC = ToolSpec(
    name="pay",
    title="Pay",
    description="Pays.",
    input_schema={
        "type": "object",
        "properties": {"to": {"type": "string"}, "note": {"type": "string"}},
        "required": ["to"],
    },
    facts_schema={
        "type": "object",
        "properties": {
            "amount": {"type": "integer", "unit": "minor"},
            "known": {"type": "boolean"},
            "days": {"type": "integer", "unit": "days", "title": "Account known for"},
        },
        "required": ["amount", "known"],
    },
    effect="irreversible",
)
READ = ToolSpec(name="look", title="Look", description="Looks.", input_schema={"type": "object"})

CONDITIONS = [
    "context.facts.amount > 10",
    "context.facts.amount >= 10",
    "context.facts.amount < 20",
    "context.facts.amount == 15",
    "context.facts.known",
    "!context.facts.known",
    'context.args.to == "bob"',
    '["bob", "eve"].contains(context.args.to)',
    "context.facts has days && context.facts.days < 30",
    "!(context.facts has days)",
    'context.agent.risk_tier == "high"',
    "context.session.untrusted_read",
    "context.facts.amount > 10 && context.facts.amount <= 20",
    "context.facts.known || context.facts.amount > 15",
    "if context.facts.known then context.facts.amount > 20 else context.facts.amount > 5",
    'principal == Agent::"bob"',
]


def text_of(rules: Sequence[tuple[str, bool, int]]) -> str:
    found = []
    for number, (condition, asks, people) in enumerate(rules):
        marks = f'@checkpoint("check") @approvers("{people}")' if asks else ""
        lifted = 'unless { context.approvals.contains("check") }' if asks else ""
        found.append(
            f'@id("r{number}") @reason("Rule {number}.") {marks} forbid (principal, '
            f'action == Action::"pay", resource) when {{ {condition} }} {lifted};'
        )
    return "\n".join(found)


def compiled(text: str) -> list[Compiled]:
    return compile_text(text, policy="p", version=1)


def request(**values: Any) -> dict[str, Any]:
    facts = {"amount": values["amount"], "known": values["known"]}
    if values["days"] is not None:
        facts["days"] = values["days"]
    return {
        "agent": values["agent"],
        "roles": [],
        "tool": "pay",
        "context": {
            "args": {"to": values["to"]},
            "facts": facts,
            "session": {"identified": False, "untrusted_read": values["untrusted"], "actions": 0},
            "agent": {
                "slug": values["agent"], "version": 1, "risk_tier": values["risk"],
                "environment": "production",
            },
            "approvals": [],
            "now": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        },
    }  # fmt: skip


RULES = st.lists(
    st.tuples(st.sampled_from(CONDITIONS), st.booleans(), st.integers(1, 2)), max_size=4
)
REQUESTS = st.builds(
    request,
    amount=st.sampled_from([4, 5, 6, 9, 10, 11, 14, 15, 16, 19, 20, 21, 99]),
    known=st.booleans(),
    days=st.sampled_from([None, 29, 30, 31]),
    to=st.sampled_from(["bob", "eve", "kim"]),
    agent=st.sampled_from(["bob", "other"]),
    risk=st.sampled_from(["low", "high"]),
    untrusted=st.booleans(),
)


def effect_words(bench: Bench, asked: dict[str, Any]) -> str:
    verdict = bench.judge(asked)
    assert not verdict.errors, verdict.errors
    return outline(verdict).words


def inside(cell: Any, value: Any) -> bool:
    if cell.kind == "absent":
        return value is None
    if value is None:
        return False
    if cell.kind == "present":
        return True
    if cell.kind == "other":
        return value not in cell.apart
    if cell.kind == "between":
        return (cell.low is None or value > cell.low) and (cell.high is None or value < cell.high)
    return bool(cell.value == value)


def value_at(asked: dict[str, Any], path: str) -> Any:
    if path == "agent":
        return asked["agent"]
    found: Any = asked["context"]
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


@settings(max_examples=60, deadline=None)
@given(RULES, RULES, st.lists(REQUESTS, min_size=1, max_size=12))
def test_the_grid_and_cedar_agree_on_every_request(
    before: list[Any], after: list[Any], asked: list[dict[str, Any]]
) -> None:
    """Complete and sound: a request is decided otherwise exactly if it lies in a box that is told,
    and then as that box says."""
    old, new = compiled(text_of(before)), compiled(text_of(after))
    benches = Bench(old, {"pay": SPEC}), Bench(new, {"pay": SPEC})
    found = differences(SPEC, old, new)
    for each in asked:
        was, becomes = (effect_words(bench, each) for bench in benches)
        told = {
            (difference.before.words, difference.after.words)
            for difference in found
            for box in difference.boxes
            if all(
                any(inside(cell, value_at(each, path)) for cell in cells)
                for path, cells in box.spans.items()
            )
        }
        if any(difference.more for difference in found):
            continue
        assert told == ({(was, becomes)} if was != becomes else set())


@settings(max_examples=40, deadline=None)
@given(RULES, st.lists(REQUESTS, min_size=1, max_size=20))
def test_a_rule_called_weak_can_go_without_changing_any_verdict(
    rules: list[Any], asked: list[dict[str, Any]]
) -> None:
    whole = compiled(text_of(rules))
    weak = {lint.rule_id for lint in weaknesses([SPEC], whole)}
    rest = [each for each in whole if each.rule.rule_id not in weak]
    benches = Bench(whole, {"pay": SPEC}), Bench(rest, {"pay": SPEC})
    for each in asked:
        assert effect_words(benches[0], each) == effect_words(benches[1], each)


def test_a_difference_is_told_in_a_sentence() -> None:
    old = compiled(text_of([("context.facts.amount > 1000000", True, 1)]))
    new = compiled(text_of([("context.facts.amount > 1500000", True, 1)]))
    (change,) = analyse([SPEC, READ], old, new)["changes"]
    assert (change["before"], change["after"], change["step"]) == (
        "review by 1 at check", "allow", -1,
    )  # fmt: skip
    assert change["where"][0]["when"] == "amount over 10,000.00 and at most 15,000.00"
    assert change["where"][0]["example"] == "amount 12,500.00"


def test_the_authors_claim_is_checked_with_a_counterexample() -> None:
    old = compiled(text_of([("context.facts.amount > 10", True, 1)]))
    new = compiled(text_of([("context.facts.amount > 20", True, 1)]))
    changes = analyse([SPEC], old, new)["changes"]
    assert broken_claims(Claim(), changes) == []
    (sentence,) = broken_claims(Claim(looser=False), changes)
    assert sentence.startswith("pay: review by 1 at check becomes allow when amount over 0.10")
    assert broken_claims(Claim(looser=False, tools=("pay",)), changes) == []


@pytest.mark.parametrize(
    ("rules", "weak"),
    [
        ([("context.facts.amount > 10 && context.facts.amount < 5", False, 1)], "unreachable"),
        ([("context.facts.known", False, 1), ("context.facts.known", True, 1)], "overridden"),
        ([("context.facts.amount > 5", True, 2), ("context.facts.amount > 9", True, 1)],
         "redundant"),
        ([("context.facts.amount > 5", False, 1), ("context.facts.amount > 9", False, 1)],
         "redundant"),
    ],
)  # fmt: skip
def test_rules_that_do_nothing_are_told(rules: list[Any], weak: str) -> None:
    (lint,) = weaknesses([SPEC], compiled(text_of(rules)))
    assert lint.kind == weak


def test_a_rule_without_conditions_is_compared_as_well() -> None:
    always = compiled(text_of([("true", False, 1)]))
    (difference,) = differences(SPEC, [], always)
    assert (difference.before, difference.after) == (Outline("allow"), Outline("deny"))
    assert difference.cells == 1
    assert analyse([SPEC], [], always)["changes"][0]["where"][0]["when"] == "always"
    assert weaknesses([SPEC], always) == []


def test_two_people_instead_of_one_is_stricter_and_not_redundant() -> None:
    rules = [("context.facts.amount > 5", True, 1), ("context.facts.amount > 9", True, 2)]
    assert weaknesses([SPEC], compiled(text_of(rules))) == []
    one, two = (Outline("review", (Asked("check", number),)) for number in (1, 2))
    assert (step_of(one, two), step_of(Outline("deny"), two)) == (1, -1)


def test_a_tool_that_no_rule_looks_at_is_a_gap() -> None:
    report = analyse([SPEC, READ], [], [])
    assert [gap["tool"] for gap in report["gaps"]] == ["pay"]


def test_what_constants_cannot_cut_may_hold_or_not() -> None:
    old = compiled(text_of([('context.args.to like "*@example.org"', False, 1)]))
    (difference,) = differences(SPEC, old, [])
    (box,) = difference.boxes
    assert list(box.spans) == ["“args.to like *@example.org”"]


def test_too_many_combinations_are_said_and_not_guessed() -> None:
    wide = ToolSpec(
        name="wide",
        title="Wide",
        description="Wide.",
        input_schema={
            "type": "object",
            "properties": {f"a{n}": {"type": "integer"} for n in range(9)},
        },
        effect="write",
    )
    rules = "\n".join(
        f'@id("r{n}-{c}") @reason("x") forbid (principal, action == Action::"wide", resource) '
        f"when {{ context.args has a{n} && context.args.a{n} > {c} }};"
        for n in range(9)
        for c in (1, 5, 9)
    )
    guards = guards_of(compile_text(rules, policy="p", version=1), wide)
    with pytest.raises(TooLarge):
        grid_for(wide, guards)
    report = analyse([wide], [], compile_text(rules, policy="p", version=1))
    assert report["skipped"][0]["tool"] == "wide"


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("8h", 28_800_000), ("1d2h3m4s5ms", 93_784_005), ("-1m", -60_000), ("0ms", 0)],
)
def test_durations_are_read_as_cedar_reads_them(text: str, milliseconds: int) -> None:
    assert duration(text) == milliseconds


HOUR = 3600
ONE = Outline("review", (Asked("check", 1, HOUR),))


@pytest.mark.parametrize(
    ("after", "kind", "step"),
    [
        (Outline("review", (Asked("check", 2, HOUR),)), "more people", 1),
        (Outline("review", (Asked("check", 2, 60),)), "more people, shorter time", 1),
        (Outline("review", (Asked("check", 1, 2 * HOUR),)), "longer time", 0),
        (Outline("review", (Asked("check", 1),)), "other time", 0),
        (Outline("review", (Asked("legal", 1, HOUR),)), "other queue", 0),
        (Outline("review", (Asked("check", 1, HOUR, True),)), "sampled", -1),
        (Outline("review", (Asked("check"), Asked("legal"))), "more people, other queue", 1),
    ],
)
def test_a_review_that_asks_otherwise_is_a_change_of_its_own_kind(
    after: Outline, kind: str, step: int
) -> None:
    assert flip_of(ONE, after) == f"review→review: {kind}"
    assert step_of(ONE, after) == step
    assert flip_of(after, after) == ""


def test_kinds_of_changes_within_an_effect_go_both_ways() -> None:
    two = Outline("review", (Asked("a", 2), Asked("b", 1)))
    turned = Outline("review", (Asked("a", 1), Asked("b", 2)))
    assert flip_of(two, turned) == "review→review: people elsewhere"
    masked = Outline("allow", (), ("mask",))
    assert flip_of(Outline("allow"), masked) == "allow→allow: other obligations"
    assert (step_of(Outline("allow"), masked), step_of(masked, Outline("allow"))) == (1, -1)
    assert flip_of(Outline("deny"), masked) == "deny→allow"


def test_time_and_obligations_are_compared_as_well() -> None:
    rule = (
        '@id("big") @reason("x") @checkpoint("check") @within("PT4H") forbid (principal, '
        'action == Action::"pay", resource) when { context.facts.amount > 10 } '
        'unless { context.approvals.contains("check") };'
    )
    masks = (
        '@id("mask") @reason("x") @obligation("mask") permit (principal, '
        'action == Action::"pay", resource) when { context.facts.known };'
    )
    shorter = rule.replace("PT4H", "PT30M")
    (change,) = analyse([SPEC], compiled(rule), compiled(shorter))["changes"]
    assert (change["before"], change["after"]) == (
        "review by 1 at check within 4 h", "review by 1 at check within 30 min",
    )  # fmt: skip
    assert (change["kind"], change["step"]) == ("review→review: shorter time", 0)
    (change,) = analyse([SPEC], compiled(rule), compiled(rule + masks))["changes"]
    assert (change["before"], change["after"]) == ("allow", "allow with mask")
    assert change["where"][0]["when"].startswith("amount at most 0.10, known is")
