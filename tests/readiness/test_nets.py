from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.readiness.mining import conformance, documented
from apps.readiness.mining.events import of_rows
from apps.readiness.mining.nets import (
    Aligner,
    DocumentRefused,
    Net,
    cheapest,
    firings,
    follows,
)

LETTERS = "abcd"


def words_of(net: Net, longest: int) -> set[tuple[str, ...]]:
    """Every full run of the net of at most so many visible steps, by exhaustion."""
    found, seen = set(), set()
    waiting: list[tuple[int, tuple[str, ...]]] = [(net.initial, ())]
    while waiting:
        state = waiting.pop()
        if state in seen:
            continue
        seen.add(state)
        marking, word = state
        if marking == net.final:
            found.add(word)
        for label, after in firings(net, marking):
            longer = word if label is None else (*word, label)
            if len(longer) <= longest:
                waiting.append((after, longer))
    return found


def edits(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Insertions and deletions between two words."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], before if a == b else 1 + min(row[j], row[j - 1])
    return row[-1]


leaves = st.sampled_from(LETTERS)
blocks = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"sequence": parts}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(
            lambda parts: {"one_of": [[part] for part in parts]},
            st.lists(inner, min_size=2, max_size=2),
        ),
        st.builds(
            lambda parts: {"together": [[part] for part in parts]},
            st.lists(inner, min_size=2, max_size=2),
        ),
        st.builds(lambda part: {"sequence": [part], "optional": True}, inner),
        st.builds(lambda part: {"sequence": [part], "repeat": True}, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(blocks, min_size=1, max_size=2),
    st.lists(st.sampled_from(LETTERS + "x"), max_size=4).map(tuple),
)
def test_the_cheapest_alignment_costs_what_exhaustion_finds(
    steps: list[object], trace: tuple[str, ...]
) -> None:
    net = documented.from_steps(steps)
    answer = cheapest(net, trace)
    assert answer is not None
    cost, moves = answer
    # The shortest word has at most eight letters, so the cost is at most 8 + 4, and no word
    # longer than trace + cost can be nearer.
    words = words_of(net, len(trace) + cost)
    assert cost == min(edits(trace, word) for word in words)
    assert tuple(move.activity for move in moves if move.kind != "model") == trace
    assert tuple(move.activity for move in moves if move.kind != "log") in words
    assert sum(move.kind != "sync" for move in moves) == cost


def bpmn(body: str) -> bytes:
    return (
        '<?xml version="1.0"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL">'
        f'<process id="p">{body}</process></definitions>'
    ).encode()


def flows(*pairs: str) -> str:
    return "".join(
        f'<sequenceFlow id="f{number}" sourceRef="{pair.split(">")[0]}" '
        f'targetRef="{pair.split(">")[1]}"/>'
        for number, pair in enumerate(pairs)
    )


PARALLEL = (
    '<startEvent id="s"/><endEvent id="e"/><task id="a" name="A"/><userTask id="b" name="B"/>'
    '<task id="c" name="C"/><parallelGateway id="g"/><parallelGateway id="h"/>'
)


def test_parallel_branches_may_come_in_any_order() -> None:
    net = documented.from_bpmn(
        bpmn(PARALLEL + flows("s>a", "a>g", "g>b", "g>c", "b>h", "c>h", "h>e"))
    )
    assert words_of(net, 5) == {("A", "B", "C"), ("A", "C", "B")}
    aligner = Aligner(net)
    answer = aligner.align(("A", "B"))
    assert answer is not None
    assert answer[0] == 1
    assert [(move.kind, move.activity) for move in answer[1]].count(("model", "C")) == 1


def test_a_choice_leads_one_way_and_may_loop_back() -> None:
    body = (
        '<startEvent id="s"/><endEvent id="e"/><task id="a" name="A"/><task id="b" name="B"/>'
        '<exclusiveGateway id="m"/><exclusiveGateway id="x"/>'
    )
    net = documented.from_bpmn(bpmn(body + flows("s>m", "m>a", "a>x", "x>e", "x>b", "b>m")))
    assert words_of(net, 5) == {("A",), ("A", "B", "A"), ("A", "B", "A", "B", "A")}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('<startEvent id="s"/><inclusiveGateway id="i"/>', "inclusiveGateway"),
        ('<startEvent id="s"/><task id="a"/>', "no name"),
        ('<startEvent id="s"/><task id="a" name="A"/>' + flows("s>a"), "leads nowhere"),
        ('<startEvent id="s"/><task id="a" name="A"/>' + flows("s>z"), "from or to nothing"),
        ('<task id="a" name="A"/>', "no process"),
        (
            PARALLEL.replace('parallelGateway id="h"', 'exclusiveGateway id="h"')
            + flows("s>a", "a>g", "g>b", "g>c", "b>h", "c>h", "h>e"),
            "twice at once",
        ),
        (
            PARALLEL.replace('parallelGateway id="g"', 'exclusiveGateway id="g"')
            + flows("s>a", "a>g", "g>b", "g>c", "b>h", "c>h", "h>e"),
            "never reach its end",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(body: str, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason):
        documented.from_bpmn(bpmn(body))


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE d [<!ENTITY a "aaaa">]><definitions/>',
        b"<definitions>",
        b"",
        b"\x00\x01",
        b'<?xml version="1.0" encoding="x-none"?><a/>',
    ],
)
def test_hostile_drawings_are_refused(data: bytes) -> None:
    with pytest.raises(DocumentRefused):
        documented.from_bpmn(data)


def test_a_search_that_grows_too_large_says_not_computed() -> None:
    branches = [[f"step {number}"] for number in range(12)]
    net = documented.from_steps([{"together": branches}])
    assert cheapest(net, tuple("x" * 3), cap=200) is None


def test_nested_or_endless_step_lists_are_refused() -> None:
    steps: list[object] = ["a"]
    for _ in range(30):
        steps = [{"sequence": steps}]
    with pytest.raises(DocumentRefused, match="nested"):
        documented.from_steps(steps)
    for wrong in ([], [3], [{"what": 1}], [{"step": " "}]):
        with pytest.raises(DocumentRefused):
            documented.from_steps(wrong)


def test_deviations_are_named_for_what_they_are() -> None:
    from datetime import UTC, datetime, timedelta

    moment = count()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {"case": case, "activity": name, "at": begin + timedelta(hours=next(moment))}
        for case, names in {"1": "abc", "2": "axbc", "3": "ac", "4": "acb", "5": "aabc"}.items()
        for name in names
    ]
    Random(4).shuffle(rows)
    log = of_rows(rows)
    found = conformance.conformance(log, documented.from_steps(["a", "b", "c"]))
    assert found.fit_share == 0.2
    assert [(each.activity, each.cases) for each in found.shadow_work] == [("x", 1)]
    assert [(each.activity, each.example) for each in found.skipped_controls] == [("b", "3")]
    assert [each.example for each in found.order_violations] == ["4"]
    assert [(each.activity, each.example) for each in found.extra_work] == [("a", "5")]


def test_what_may_follow_what_is_told_through_choices_loops_and_parallel_branches() -> None:
    net = documented.from_steps(["A", {"one_of": [["B"], []]}, {"step": "C", "repeat": True}, "D"])
    assert follows(net) == (("A", "B"), ("A", "C"), ("B", "C"), ("C", "C"), ("C", "D"))
    net = documented.from_steps(["A", {"together": [["B"], ["C"]]}, "D"])
    assert follows(net) == (
        ("A", "B"), ("A", "C"), ("B", "C"), ("B", "D"), ("C", "B"), ("C", "D"),
    )  # fmt: skip
