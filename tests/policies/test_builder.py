"""Sentences become Cedar that validates, and come back as the same sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.policies.builder import (
    TEMPLATES,
    Attribute,
    Condition,
    Sentence,
    Unfinished,
    attributes_of,
    compiled,
    placed,
    read_back,
    without,
)
from apps.policies.schema import schema_of
from apps.policies.text import problems
from tests.policies.test_analysis import READ, SPEC
from tests.support import SPEC as SHELF

KNOWN = {each.path: each for each in attributes_of([SPEC])}
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
CONDITIONS = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["facts.amount", "facts.days", "session.actions"]),
        st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
        st.integers(-(2**40), 2**40),
    ),
    st.builds(Condition, st.just("facts.known"), st.sampled_from(["true", "false"])),
    st.builds(Condition, st.just("session.untrusted_read"), st.sampled_from(["true", "false"])),
    st.builds(
        Condition, st.sampled_from(["args.to", "args.note"]), st.sampled_from(["==", "!="]), WORDS
    ),
    st.builds(
        Condition, st.just("args.to"), st.just("in"), st.lists(WORDS, min_size=1, max_size=3)
    ),
    st.builds(Condition, st.just("facts.days"), st.just("lacks")),
    st.builds(
        Condition, st.just("now.time"), st.sampled_from(["<", ">="]), st.integers(0, 24).map(str)
    ),
    st.builds(Condition, st.just("resource.data_class"), st.just("=="), WORDS),
    st.builds(
        Condition, st.just("agent.data_classes"), st.sampled_from(["includes", "excludes"]), WORDS
    ),
)
SENTENCES = st.builds(
    Sentence,
    rule_id=st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True),
    reason=WORDS.filter(str.strip).map(str.strip),
    who=st.sampled_from(["any", "agent:bob", "role:payers"]),
    does=st.sampled_from(["any", "tool:pay", "effect:irreversible"]),
    conditions=st.lists(CONDITIONS, max_size=4, unique_by=lambda each: each.path).map(tuple),
).flatmap(
    lambda sentence: st.sampled_from(
        [
            sentence,
            Sentence(
                **{
                    **sentence.__dict__,
                    "then": "ask",
                    "checkpoint": "finance",
                    "people": 2,
                    "hours": 4,
                }
            ),
            Sentence(**{**sentence.__dict__, "then": "oblige", "obligation": "mask"}),
        ]
    )
)


@given(SENTENCES)
def test_what_the_builder_writes_is_valid_and_opens_in_it_again(sentence: Sentence) -> None:
    text = compiled(sentence, KNOWN)
    assert problems(text, schema_of([SPEC])) == []
    assert read_back(text, KNOWN) == sentence


@pytest.mark.parametrize(
    "condition",
    [
        "context.facts.known || context.facts.amount > 5",
        "context.facts.amount > context.facts.amount",
        'context.args.to like "a*"',
        "if context.facts.known then true else false",
    ],
)
def test_what_it_could_not_have_written_stays_text(condition: str) -> None:
    text = f'@id("a") @reason("b") forbid (principal, action, resource) when {{ {condition} }};'
    assert read_back(text, KNOWN) is None


@pytest.mark.parametrize(
    ("changes", "slot"),
    [
        ({"rule_id": ""}, "rule_id"),
        ({"reason": " "}, "reason"),
        ({"then": "ask"}, "checkpoint"),
        ({"then": "ask", "checkpoint": "x", "people": 0}, "people"),
        ({"then": "oblige"}, "obligation"),
        ({"conditions": (Condition("facts.nothing", "==", 1),)}, "conditions"),
        ({"conditions": (Condition("facts.amount", ">", "much"),)}, "conditions"),
        ({"conditions": (Condition("facts.known", ">", 1),)}, "conditions"),
        ({"conditions": (Condition("agent.data_classes", "==", "hr"),)}, "conditions"),
        ({"conditions": (Condition("args.to", ">", "a"),)}, "conditions"),
        ({"conditions": (Condition("args.to", "in", []),)}, "conditions"),
        ({"conditions": (Condition("now.time", "<", "25"),)}, "conditions"),
    ],
)
def test_an_empty_or_wrong_slot_is_named(changes: dict[str, object], slot: str) -> None:
    sentence = Sentence(**{"rule_id": "a", "reason": "b", **changes})  # type: ignore[arg-type]
    with pytest.raises(Unfinished) as refused:
        compiled(sentence, KNOWN)
    assert refused.value.slot == slot


def test_of_several_tools_only_what_all_have_may_be_looked_at() -> None:
    both = {each.path for each in attributes_of([SPEC, SHELF])}
    assert "facts.amount" not in both
    assert "args.note" in both
    assert "session.actions" in both
    assert attributes_of([SPEC, READ])[0].path.startswith("session")


def test_optional_in_one_is_optional_in_all() -> None:
    note = next(each for each in attributes_of([SPEC, SHELF]) if each.path == "args.note")
    assert note == Attribute("args.note", "note (as the agent says)", "string", optional=True)


def test_a_rule_takes_the_place_of_the_one_with_its_name() -> None:
    first = compiled(Sentence("a", "First."), KNOWN)
    second = compiled(Sentence("b", "Second."), KNOWN)
    text = placed(placed("", first, "a"), second, "b")
    changed = placed(text, compiled(Sentence("a", "Changed."), KNOWN), "a")
    assert changed.index("Changed.") < changed.index("Second.")
    assert "First." not in changed
    assert "Second." not in without(changed, "b")


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_templates_are_sentences_that_only_want_their_slots(name: str) -> None:
    title, sentence = TEMPLATES[name]
    assert title
    known = {
        **KNOWN,
        "facts.supplier_known_days": Attribute("facts.supplier_known_days", "x", "integer"),
        "facts.account_known_days": Attribute("facts.account_known_days", "x", "integer"),
    }
    filled = Sentence(**{**sentence.__dict__, "checkpoint": "finance"})
    if sentence.then != "ask":
        filled = sentence
    assert compiled(filled, known)
