"""The eight dimensions out of the analyses, each with its grade and interval.

Grade A: measured on 200 cases or more, at most 90 days old, with its own interval; B: measured but
fewer or older (± 0.10 at least); C: attested and countersigned (± 0.20); D: nothing known (0.5,
0 to 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

import polars as pl

from apps.readiness.mining.results import (
    Conformance,
    Decisions,
    Dimension,
    EventLog,
    Loops,
    Quality,
    SystemGraph,
)
from apps.readiness.mining.shares import jensen_shannon, wilson
from apps.readiness.mining.weights import WEIGHTS as WEIGHTS

ENOUGH_CASES, FRESH_DAYS = 200, 90
MEASURED_LOOSELY, ATTESTED = 0.10, 0.20
WINDOW = timedelta(weeks=4)
LEAST_WINDOWS = 3


def clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def measured(
    name: str, value: float, low: float, high: float, *, cases: int, age_days: float
) -> Dimension:
    """Grade A or B, by the number of cases and the age of what was measured."""
    value = clip(value)
    low, high = min(clip(low), value), max(clip(high), value)
    if cases >= ENOUGH_CASES and age_days <= FRESH_DAYS:
        return Dimension(name, value, low, high, "A")
    low, high = min(low, clip(value - MEASURED_LOOSELY)), max(high, clip(value + MEASURED_LOOSELY))
    return Dimension(name, value, low, high, "B")


def attested(name: str, value: float) -> Dimension:
    """Grade C: an answer of the process owner that somebody else countersigned."""
    value = clip(value)
    return Dimension(name, value, clip(value - ATTESTED), clip(value + ATTESTED), "C")


def unknown(name: str) -> Dimension:
    return Dimension(name, 0.5, 0.0, 1.0, "D")


def rules(found: Decisions, *, cases: int, age_days: float) -> Dimension:
    if found.rules is None or found.rules_low is None:
        return unknown("rules")
    margin = found.rules - found.rules_low
    return measured(
        "rules",
        found.rules,
        found.rules_low,
        found.rules + margin,
        cases=cases,
        age_days=age_days,
    )


def data(found: Iterable[Quality], *, cases: int, age_days: float) -> Dimension:
    """The weakest of the log and of the tables that the process lives on."""
    scored = [each for each in found if each.score is not None and each.score_low is not None]
    if not scored:
        return unknown("data")
    worst = min(scored, key=lambda each: each.score or 0.0)
    value, low = worst.score or 0.0, min(each.score_low or 0.0 for each in scored)
    return measured("data", value, low, 2 * value - low, cases=cases, age_days=age_days)


def share(name: str, hits: int, number: int, *, cases: int, age_days: float) -> Dimension:
    low, high = wilson(hits, number)
    return measured(name, hits / number, low, high, cases=cases, age_days=age_days)


def conform(found: Conformance | None, *, age_days: float) -> Dimension:
    if found is None or found.fit_share is None:
        return unknown("conform")
    number = found.computed_cases
    return share("conform", found.fitting_cases, number, cases=number, age_days=age_days)


def access(found: SystemGraph, *, cases: int, age_days: float) -> Dimension:
    if found.access_share is None:
        return unknown("access")
    events = sum(each.events for each in found.nodes)
    low, high = wilson(round(found.access_share * events), events)
    return measured("access", found.access_share, low, high, cases=cases, age_days=age_days)


def exceptions(
    found: Loops, *, cases: int, age_days: float, conformance_measured: bool
) -> Dimension:
    """Rare paths count only where no documented process tells which paths are wrong."""
    bad = found.rework if conformance_measured else found.exception_share
    return share("exceptions", cases - round(bad * cases), cases, cases=cases, age_days=age_days)


def reverse(actions: Iterable[tuple[float, bool]], *, tested: bool = True) -> Dimension:
    """Of (severity, has a tested undo); attested unless the undos were run (`tested`)."""
    known = list(actions)
    total = sum(severity for severity, _ in known)
    if not total:
        return unknown("reverse")
    value = sum(severity for severity, undo in known if undo) / total
    if not tested:
        return attested("reverse", value)
    return Dimension("reverse", value, clip(value - 0.05), clip(value + 0.05), "A")


def stability(log: EventLog, *, age_days: float) -> Dimension:
    """1 − 3 × the mean Jensen-Shannon distance of neighbouring four-week mixes of activities."""
    distances = mix_distances(log)
    if distances is None:
        return unknown("stability")
    value = 1 - 3 * sum(distances) / len(distances)
    low, high = 1 - 3 * max(distances), 1 - 3 * min(distances)
    return measured("stability", value, low, high, cases=log.cases, age_days=age_days)


def mix_distances(log: EventLog) -> list[float] | None:
    """None for fewer than three full windows."""
    windows = int((log.last_at - log.first_at) / WINDOW)
    if windows < LEAST_WINDOWS:
        return None
    counted = (
        log.frame.select(
            pl.col("activity").cast(pl.String),
            window=(pl.col("at") - pl.lit(log.first_at)).dt.total_seconds()
            // int(WINDOW.total_seconds()),
        )
        .group_by("window", "activity")
        .len()
    )
    mixes: list[dict[str, float]] = [{} for _ in range(windows)]
    for window, activity, number in counted.rows():
        if window < windows:
            mixes[window][activity] = number
    full = [mix for mix in mixes if mix]
    if len(full) < LEAST_WINDOWS:
        return None
    return [jensen_shannon(a, b) for a, b in pairwise(full)]


def owner(*, named: bool, procedure_fresh: bool, escalation: bool, reviewers: bool) -> Dimension:
    """A quarter each; facts of the inventory, so without doubt."""
    value = 0.25 * sum((named, procedure_fresh, escalation, reviewers))
    return Dimension("owner", value, value, value, "A")
