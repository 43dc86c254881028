"""Loops, rework, hand-offs and ping-pong."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import polars as pl

from apps.readiness.mining.results import EventLog, HandOffs, Loops, Variants
from apps.readiness.mining.variants import RARE, variants

SHOWN = 20


def loops(log: EventLog, found: Variants | None = None) -> Loops:
    """Microsoft's three shares, counted once per variant and weighted by its cases."""
    found = found or variants(log)
    self_loop = loop = rework = exceptions = times = 0
    by_activity: Counter[str] = Counter()
    for each in found.variants:
        at_once = sum(a == b for a, b in pairwise(each.activities))
        runs = [a for a, b in pairwise((*each.activities, None)) if a != b]
        later = len(runs) != len(set(runs))
        for name, count in Counter(each.activities).items():
            if count > 1:
                by_activity[name] += each.cases
        self_loop += each.cases * bool(at_once)
        loop += each.cases * later
        rework += each.cases * bool(at_once or later)
        times += each.cases * at_once
        rare = each.cases < RARE * found.cases
        exceptions += each.cases * bool(at_once or later or rare)
    return Loops(
        self_loop=self_loop / found.cases,
        loop=loop / found.cases,
        rework=rework / found.cases,
        rework_cases=rework,
        self_loops=times,
        by_activity=dict(by_activity.most_common()),
        exception_share=exceptions / found.cases,
    )


def hand_offs(log: EventLog) -> HandOffs:
    """Between different resources; ping-pong between teams."""
    per_case: float | None = None
    pairs: tuple[tuple[str, str, int], ...] = ()
    named = log.frame.filter(pl.col("resource").is_not_null()).select("case_no", "resource")
    if named.height:
        changes = neighbours(named, "resource").filter(pl.col("a") != pl.col("b"))
        per_case = changes.height / log.cases
        pairs = commonest(changes)
    teams = log.frame.filter(pl.col("team").is_not_null()).select("case_no", "team")
    if not teams.height:
        return HandOffs(per_case, pairs, None, 0, ())
    case, team = pl.col("case_no"), pl.col("team")
    again = (case == case.shift()) & (team == team.shift())
    runs = teams.filter(~again.fill_null(False))
    back = runs.select(
        "case_no",
        pl.col("team").alias("a"),
        pl.col("team").shift(-1).alias("b"),
        bounce=((case == case.shift(-2)) & (team == team.shift(-2))).fill_null(False),
    ).filter("bounce")
    number = int(back["case_no"].n_unique())
    return HandOffs(per_case, pairs, number / log.cases, number, commonest(back))


def neighbours(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Consecutive values within a case, as `a` and `b`."""
    same = pl.col("case_no") == pl.col("case_no").shift(-1)
    return (
        frame.select(
            "case_no", pl.col(column).alias("a"), pl.col(column).shift(-1).alias("b"), same=same
        )
        .filter("same")
        .drop("same")
    )


def commonest(pairs: pl.DataFrame) -> tuple[tuple[str, str, int], ...]:
    counted = pairs.group_by("a", "b").len().sort("len", "a", "b", descending=[True, False, False])
    return tuple(counted.head(SHOWN).iter_rows())
