"""Pictures: nothing lies upon another, edges end at their boxes, the same is drawn the same."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET  # noqa: S405 - our own text
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from apps.readiness import measuring
from apps.readiness.drawing import maps, quadrant
from apps.readiness.drawing.layout import Size, lay
from apps.readiness.mining import conformance, documented, generate, graph, systems
from apps.readiness.mining.results import SystemFact, as_json

NAMES = st.integers(0, 14)
EDGES = st.dictionaries(st.tuples(NAMES, NAMES), st.floats(0, 10), max_size=40)


@given(EDGES)
def test_boxes_keep_apart_and_edges_end_at_their_boxes(edges: dict[Any, float]) -> None:
    nodes = sorted({node for pair in edges for node in pair})
    laid = lay(nodes, edges)
    assert set(laid.places) == set(nodes)
    boxes = list(laid.places.values())
    for one in range(len(boxes)):
        for other in range(one + 1, len(boxes)):
            (x, y), (a, b) = boxes[one], boxes[other]
            assert abs(x - a) >= Size.width - 0.1 or abs(y - b) >= Size.height
    for (source, target), path in laid.paths.items():
        for node, (x, y) in ((source, path[0]), (target, path[-1])):
            place = laid.places[node]
            assert abs(x - place[0]) <= Size.width / 2
            assert abs(y - place[1]) == Size.height / 2
    assert all(x - Size.width / 2 >= -0.1 for x, _ in boxes)
    assert laid == lay(nodes, edges)


@given(st.sets(st.tuples(NAMES, NAMES), max_size=30))
def test_without_cycles_every_edge_leads_down(pairs: set[tuple[int, int]]) -> None:
    edges = {(min(pair), max(pair)): 1.0 for pair in pairs if pair[0] != pair[1]}
    nodes = sorted({node for pair in edges for node in pair})
    laid = lay(nodes, edges)
    assert laid.backward == set()
    for source, target in edges:
        assert laid.places[source][1] < laid.places[target][1]


def test_sixty_nodes_and_two_hundred_edges_are_laid_out_at_once() -> None:
    random = Random(5)  # noqa: S311
    edges = {(random.randrange(60), random.randrange(60)): random.random() for _ in range(200)}
    begin = time.perf_counter()
    lay(list(range(60)), edges)
    print(f"60 nodes, 200 edges: {(time.perf_counter() - begin) * 1000:.0f} ms")
    assert time.perf_counter() - begin < 3


def a_map() -> tuple[maps.Drawing, Any]:
    log, truth = generate.generate(generate.Plan(cases=300))
    net = documented.from_steps(generate.STEPS)
    aligned = conformance.conformance(log, net)
    kept = measuring.kept_graph(graph.directly_follows(log), aligned)
    found = measuring.kept_conformance(aligned)
    return maps.process_map(kept, found, sorted(net.labels)), truth


def test_the_map_tells_undocumented_work_and_what_was_left_out() -> None:
    drawn, truth = a_map()
    classes = {box.title.split(":")[0]: box.classes for box in drawn.boxes}
    assert "shadow" in classes["Call vendor"]
    assert "left-out" in classes["Match purchase order"]
    assert classes["Pay invoice"] == "box"
    titles = " ".join(box.title for box in drawn.boxes)
    assert f"left out in {truth.sheet:,} cases" in titles
    assert any("shadow" in line.classes for line in drawn.lines)
    order = {box.title.split(":")[0]: box.y for box in drawn.boxes}
    main = ["Receive invoice", "Read fields", "Match purchase order", "Route invoice"]
    assert [order[name] for name in main] == sorted(order[name] for name in main)


def test_the_picture_is_well_formed_and_has_no_style_of_its_own() -> None:
    drawn, _ = a_map()
    text = render_to_string(
        "readiness/_map.html", {"drawing": drawn, "name": "A & <B>", "key": "x"}
    )
    start = text.index("<svg")
    root = ET.fromstring(text[start : text.index("</svg>") + 6])  # noqa: S314
    assert "style" not in text
    assert "A &amp; &lt;B&gt;" in text
    rects = [each for each in root.iter() if each.tag.endswith("rect")]
    assert len(rects) == len(drawn.boxes)


def test_systems_are_drawn_with_their_access() -> None:
    log, _ = generate.generate(generate.Plan(cases=200))
    known = [SystemFact("erp", sanctioned=True, access="api")]
    drawn = maps.system_map(as_json(systems.system_graph(log, known)))
    notes = {box.title.split(":")[0]: (box.note, box.classes) for box in drawn.boxes}
    assert notes["erp"][0].startswith("API")
    assert "shadow" in notes["bank"][1]
    assert "single" in notes["mailbox"][1]


@given(st.text(max_size=80))
def test_names_fit_into_two_lines(name: str) -> None:
    lines = maps.wrapped(name)
    assert len(lines) <= 2
    assert all(len(line) <= maps.LETTERS for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 seconds"), (90, "1.5 minutes"), (3_600, "1 hour"), (200_000, "2.3 days")],
)
def test_spans_are_told_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert maps.span(seconds) == words


def test_the_quadrant_keeps_labels_apart_and_points_inside() -> None:
    seen = [
        quadrant.Seen(f"P{n}", f"p{n}", (100.0 + n, 50.0, 200.0), (0.5, 0.6, 0.7), n % 2 == 0)
        for n in range(8)
    ]
    drawn = quadrant.drawn(seen, 100.0)
    heights = sorted(point.label_y for point in drawn.points)
    assert all(b - a >= 14 for a, b in pairwise(heights))
    assert all(
        0 <= point.x <= drawn.width and 0 <= point.y <= drawn.height for point in drawn.points
    )
    assert quadrant.drawn([], 0.0).points == ()


@given(EDGES)
def test_no_edge_passes_under_a_box_that_is_not_its_own(edges: dict[Any, float]) -> None:
    nodes = sorted({node for pair in edges for node in pair})
    laid = lay(nodes, edges)
    for pair, path in laid.paths.items():
        for (x, y), (a, b) in pairwise(path):
            if x != a:
                continue  # a curve lies between two rows
            for node, (left, top) in laid.places.items():
                inside = abs(x - left) < Size.width / 2 - 0.1 and min(y, b) < top < max(y, b)
                assert node in pair or not inside
        for (_, y), (_, b) in pairwise(path):
            assert abs(b - y) <= Size.height + Size.down  # no curve is longer than a row


def test_documented_ways_that_nobody_went_and_steps_never_done_are_drawn_thin() -> None:
    drawn_graph = {
        "cases": 10,
        "edge_count": 1,
        "steps": [
            {"activity": name, "count": 10, "cases": 10, "starts": 0, "ends": 0} for name in "AD"
        ],
        "edges": [{"source": "A", "target": "D", "count": 10, "cases": 10, "median": 5.0}],
    }
    skipped = {"skipped_controls": [{"activity": "B", "cases": 10}]}
    ways = [["A", "B"], ["B", "D"], ["A", "D"]]
    drawn = maps.process_map(drawn_graph, skipped, ["A", "B", "D"], ways=ways)
    thin = [line.title for line in drawn.lines if "documented" in line.classes.split()]
    assert thin == [
        "A → B: documented, but nobody went this way",
        "B → D: documented, but nobody went this way",
    ]
    order = {box.title.split(":")[0]: box.y for box in drawn.boxes}
    assert order["A"] < order["B"] < order["D"]
