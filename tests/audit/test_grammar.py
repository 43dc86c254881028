"""The grammar of the trail: whatever is typed gives a trail, and its text gives it again."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.audit.rules.grammar import (
    KEYS,
    KINDS,
    Term,
    Trail,
    controls,
    from_query,
    parse,
    span,
)

anything = st.text(max_size=200)
keyish = st.sampled_from([*KEYS, "at", "nonsense", ""])
valueish = st.one_of(
    anything,
    st.sampled_from(["*", "approval.*", "a..b", "..", "2026-11-01..", "..2026-11-23", '"', "\\"]),
)
queries = st.lists(
    st.builds(
        lambda sign, key, value, quote: f"{sign}{key}{':' if key else ''}{quote}{value}{quote}",
        st.sampled_from(["", "-"]),
        keyish,
        valueish,
        st.sampled_from(["", '"']),
    ),
    max_size=8,
).map(" ".join)


@given(st.one_of(anything, queries))
@settings(max_examples=400, deadline=None)
def test_whatever_is_typed_gives_a_trail_whose_text_reads_back_to_it(text: str) -> None:
    trail = parse(text)
    again = parse(str(trail))
    assert again.terms == trail.terms
    assert again.problems == ()


@given(st.one_of(anything, queries))
@settings(max_examples=200, deadline=None)
def test_what_was_understood_is_sound(text: str) -> None:
    for term in parse(text).terms:
        assert term.key in {"", *KEYS}
        assert term.value
        assert "\x00" not in term.value
        if term.key == "kind":
            assert term.value in KINDS
        if term.key == "at":
            low, high = span(term.value)
            assert low or high


@given(st.dictionaries(st.sampled_from([*KEYS, "q", "was", "from", "to", "x"]), anything))
@settings(max_examples=200, deadline=None)
def test_no_address_breaks_it(query: dict[str, str]) -> None:
    trail = from_query(query)
    assert parse(str(trail)).terms == trail.terms


@given(st.text(min_size=1, max_size=40))
def test_a_quoted_value_is_one_value(value: str) -> None:
    term = Term("actor", value.strip())
    if term.value and term.value.isprintable():
        assert parse(str(Trail((term,)))).terms == (term,)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("type:approval.*", [Term("type", "approval.", prefix=True)]),
        ("-kind:system", [Term("kind", "system", excluded=True)]),
        ('actor:"Amara Diallo"', [Term("actor", "Amara Diallo")]),
        ("PAYM* due", [Term("", "paym", prefix=True), Term("", "due")]),
        ("Müller", [Term("", "muller")]),
        ('"a b" -c', [Term("", "a"), Term("", "b"), Term("", "c", excluded=True)]),
        ("object:registry.agent/3", [Term("object", "registry.agent/3")]),
        ("type:a type:a", [Term("type", "a")]),
        ("", []),
    ],
)
def test_it_reads(text: str, terms: list[Term]) -> None:
    trail = parse(text)
    assert list(trail.terms) == terms
    assert trail.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "kind:robot",
        "at:soon",
        "at:2026-11-23..2026-11-01",
        "at:..",
        "-at:2026-11-01",
        "type:*",
        "outcome:den*",
        "act:7",
        "colour:red",
        "actor:\x00",
        'actor:""',
        "x" * 3_000,
        " ".join(f"w{number}" for number in range(60)),
        "at:9999-12-31",
    ],
)
def test_it_says_what_it_left_out(text: str) -> None:
    assert parse(text).problems


def test_a_day_is_all_of_it_and_a_range_holds_both_its_days() -> None:
    day = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    assert span("2026-11-23") == (day, day + dt.timedelta(days=1))
    assert span("2026-11-23..2026-11-24") == (day, day + dt.timedelta(days=2))
    assert span("..2026-11-23T00:00:00Z") == (None, day)


def test_a_control_overrules_the_text_only_where_it_was_moved() -> None:
    typed = {"q": "type:agent.suspended", "type": "", "was": ""}
    assert str(from_query(typed)) == "type:agent.suspended"
    moved = {"q": "type:agent.suspended hold", "type": "", "was": "type:agent.suspended hold"}
    assert str(from_query(moved)) == "hold"
    changed = {"q": "kind:agent", "kind": "person", "was": "kind:agent", "from": "2026-11-01"}
    assert str(from_query(changed)) == "kind:person at:2026-11-01.."


def test_controls_mirror_the_query() -> None:
    shown = controls(parse("type:approval.* kind:person at:2026-11-01..2026-11-23"))
    assert shown == {
        "type": "approval.*",
        "kind": "person",
        "outcome": "",
        "from": "2026-11-01",
        "to": "2026-11-23",
    }


def test_older_links_are_understood() -> None:
    older = {"object_type": "registry.agent", "object": "3", "from": "2026-11-01"}
    assert str(from_query(older)) == "object:registry.agent/3 at:2026-11-01.."
    assert str(from_query({"actor_kind": "person"})) == "kind:person"
