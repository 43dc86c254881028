"""Documented steps as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.readiness import outline
from apps.readiness.mining import generate

NAMES = st.text('abc XYZ()/?+:-"', min_size=1, max_size=12).map(lambda t: " ".join(t.split()))
NAMES = NAMES.filter(bool)
MARKS = st.fixed_dictionaries(
    {},
    optional={"optional": st.just(True), "repeat": st.just(True)},  # noqa: FBT003
)


def plain(step: dict[str, Any]) -> Any:
    return step["step"] if set(step) == {"step"} else step


def blocks(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    branches = st.lists(st.lists(inner, max_size=3), min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda steps, marks: {"sequence": steps, **marks}, some, MARKS),
        st.builds(lambda parts, marks: {"one_of": parts, **marks}, branches, MARKS),
        st.builds(lambda parts, marks: {"together": parts, **marks}, branches, MARKS),
    )


STEP = st.builds(lambda name, marks: plain({"step": name, **marks}), NAMES, MARKS)
STEPS = st.lists(st.recursive(STEP, blocks, max_leaves=12), max_size=5)


@given(STEPS)
def test_what_is_written_is_read_back(steps: list[Any]) -> None:
    assert outline.parse(outline.written(steps)) == steps


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    found: list[Any] | int
    try:
        found = outline.parse(text)
    except outline.Unclear as refusal:
        found = refusal.line
    assert isinstance(found, list) or 1 <= found <= len(text.splitlines())


def test_the_generators_process_as_an_outline() -> None:
    text = outline.written(generate.STEPS)
    assert text.splitlines()[4:] == [
        "block +:",
        "  one of:",
        "    - Approve by clerk",
        "    - Approve by manager",
        "  Return to vendor ?",
        "Pay invoice",
    ]
    assert outline.parse(text) == list(generate.STEPS)
    assert "Return to vendor" in outline.names(generate.STEPS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A\n  B", "Line 2: Only"),
        ("A\nsome of:\n  - B", "Line 2: “some of:” is none"),
        ("one of:\n  B", "Line 2: A branch begins"),
        ("one of:", "Line 1: Nothing stands under"),
        ("   A", "Line 1: It is indented by 3"),
        ("- A", "Line 1: A branch stands"),
    ],
)
def test_what_is_unclear_is_told_by_line(text: str, words: str) -> None:
    with pytest.raises(outline.Unclear, match=words):
        outline.parse(text)


def test_nesting_ends_where_the_documented_process_ends_too() -> None:
    deep = "\n".join("  " * level + "block:" for level in range(999)) + "\n" + "  " * 999 + "A"
    with pytest.raises(outline.Unclear, match="at most 12 levels"):
        outline.parse(deep)


@pytest.mark.parametrize("name", ["Approve?", "C++", "Note: x:", "one of:", "- dash", '"', 'a "b"'])
def test_a_name_that_reads_like_something_else_is_a_name(name: str) -> None:
    assert outline.parse(outline.written([name, {"step": name, "optional": True}])) == [
        name, {"step": name, "optional": True},
    ]  # fmt: skip
