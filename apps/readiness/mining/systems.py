"""The systems that cases pass through."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from apps.readiness.mining.results import EventLog, SystemEdge, SystemFact, SystemGraph, SystemNode
from apps.readiness.mining.rework import neighbours

ACCESS = {"api": 1.0, "ui": 0.6, "file": 0.3, "none": 0.0}
SINGLE = 0.999


def system_graph(log: EventLog, facts: Iterable[SystemFact] = ()) -> SystemGraph:
    """Nodes by share of cases that touch them, edges where consecutive events of a case change
    the system. A system that the inventory does not know counts as unsanctioned, without access.
    The access share weighs events; None where the log names no systems."""
    known = {fact.name: fact for fact in facts}
    named = log.frame.filter(pl.col("system").is_not_null()).select("case_no", "system")
    if not named.height:
        return SystemGraph((), (), None, ())
    touched = named.group_by("system").agg(
        pl.len().alias("events"), pl.col("case_no").n_unique().alias("cases")
    )
    nodes = tuple(
        node(name, events, cases / log.cases, known)
        for name, events, cases in touched.sort("cases", "system", descending=[True, False]).rows()
    )
    changes = neighbours(named, "system").filter(pl.col("a") != pl.col("b"))
    counted = changes.group_by("a", "b").agg(
        pl.len().alias("count"), pl.col("case_no").n_unique().alias("cases")
    )
    edges = tuple(
        SystemEdge(a, b, cases / log.cases, count)
        for a, b, count, cases in counted.sort(
            "cases", "a", "b", descending=[True, False, False]
        ).rows()
    )
    weights = sum(each.events * ACCESS.get(each.access, 0.0) for each in nodes if each.sanctioned)
    return SystemGraph(
        nodes=nodes,
        edges=edges,
        access_share=weights / log.events,
        unsanctioned=tuple(each.name for each in nodes if not each.sanctioned),
    )


def node(name: str, events: int, share: float, known: dict[str, SystemFact]) -> SystemNode:
    fact = known.get(name)
    return SystemNode(
        name=name,
        share=share,
        events=events,
        single_point=share >= SINGLE,
        documented=fact is not None,
        sanctioned=fact is not None and fact.sanctioned,
        access=fact.access if fact else "none",
        owner=fact.owner if fact else "",
    )
