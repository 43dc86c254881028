from datetime import UTC, datetime, timedelta

from apps.readiness.mining.results import Edge, Fault, Graph, LogRefused, as_json


def test_results_become_plain_values() -> None:
    edge = Edge("a", "b", 7, 5, 1.5, 1.0, 3.0)
    assert as_json(edge)["source"] == "a"
    assert as_json({"spans": (timedelta(seconds=3),)}) == {"spans": [3.0]}
    assert as_json(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"
    assert as_json(Fault("no_case", 3, "no case", True))["line"] == 3


def test_a_refusal_names_its_line() -> None:
    assert str(LogRefused("There is no case.", 12)) == "Line 12: There is no case."


def test_rare_edges_are_not_drawn() -> None:
    edges = tuple(Edge("a", "b", count, count, 0, 0, 0) for count in (4, 5, 9, 10, 11))
    few = Graph((), edges, 10, 40, 0, 0, 0, 0)
    many = Graph((), edges, 2000, 40, 0, 0, 0, 0)
    assert [edge.count for edge in few.drawn()] == [5, 9, 10, 11]
    assert [edge.count for edge in many.drawn()] == [10, 11]
