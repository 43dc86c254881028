"""Public logs, counted by an independent miner (its lists are cut after the commonest)."""

import json
from pathlib import Path

import polars as pl
import pytest

from apps.readiness.mining import graph, readers, rework, variants

PLACE = Path("/work/shared/data/eventlogs")
FILES = {
    "bpic2020_DomesticDeclarations": "bpic2020_DomesticDeclarations.xes.gz",
    "bpic2020_RequestForPayment": "bpic2020_RequestForPayment.xes.gz",
    "helpdesk_italian": "helpdesk_italian.xes.gz",
    "env_permit_receipt": "receipt_phase.csv",
}

pytestmark = pytest.mark.skipif(
    not (PLACE / "reference_pm4py.json").exists(), reason="the public logs are not here"
)


@pytest.mark.parametrize("name", FILES)
def test_every_count_is_what_another_miner_counted(name: str) -> None:
    wanted = json.loads((PLACE / "reference_pm4py.json").read_text())[name]
    log = readers.read_log(PLACE / FILES[name])
    drawn, found = graph.directly_follows(log), variants.variants(log)
    again = rework.loops(log, found)
    assert (log.cases, log.events) == (wanted["cases"], wanted["events"])
    assert len(log.activities) == wanted["activities"]
    assert len(found.variants) == wanted["variants"]
    assert len(drawn.edges) == wanted["dfg_edges"]
    edges = {(edge.source, edge.target, edge.count) for edge in drawn.edges}
    assert {tuple(edge) for edge in wanted["dfg"]} <= edges
    starts = {step.activity: step.starts for step in drawn.steps}
    ends = {step.activity: step.ends for step in drawn.steps}
    assert wanted["start"].items() <= starts.items()
    assert wanted["end"].items() <= ends.items()
    top = {(each.activities, each.cases) for each in found.variants}
    assert {(tuple(names), number) for names, number in wanted["top_variants"]} <= top
    assert again.rework_cases == wanted["cases_with_rework"]
    assert again.self_loops == wanted["self_loops_total"]
    assert wanted["rework_cases_per_activity"].items() <= again.by_activity.items()
    check_durations(log, drawn, wanted["case_duration_s"])


def check_durations(log, drawn, wanted) -> None:  # type: ignore[no-untyped-def]
    """The other miner takes the upper of two middle cases, and no mean of the two."""
    assert drawn.duration_mean == pytest.approx(wanted["mean"], rel=1e-9)
    assert drawn.duration_max == wanted["max"]
    spans = log.frame.group_by("case_no").agg(pl.col("at").max() - pl.col("at").min())
    ordered = sorted(each.total_seconds() for each in spans["at"].to_list())
    upper, lower = ordered[len(ordered) // 2], ordered[(len(ordered) - 1) // 2]
    assert upper == pytest.approx(wanted["median"], rel=1e-9)
    assert lower <= drawn.duration_median <= upper
    assert drawn.duration_p90 == pytest.approx(wanted["p90"], rel=0.01)


@pytest.mark.parametrize(
    ("name", "cases", "events"),
    [("p2p_zampino_asis.csv", 625, 9070), ("roadtraffic_100traces.csv", 100, 390)],
)
def test_other_public_tables_need_no_hand_work(name: str, cases: int, events: int) -> None:
    log = readers.read_log(PLACE / name)
    assert (log.cases, log.events) == (cases, events)
    assert not log.fault_counts
