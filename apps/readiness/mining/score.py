"""Readiness: a weighted geometric mean, so that a zero cannot be bought back, with its doubt.

Method after the OECD/JRC Handbook on Constructing Composite Indicators (2008): uncertainty of the
dimensions by triangular draws, of the weights by Dirichlet draws. All draws come from one seed, so
the same input gives the same answer. The weights are a proposal; no outcome has validated them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.readiness.mining.levels import READY, level
from apps.readiness.mining.results import (
    Decisions,
    Dimension,
    Gain,
    Gate,
    Score,
    StepVerdict,
    SystemGraph,
    Value,
)
from apps.readiness.mining.weights import WEIGHTS

DRAWS = 4_000
SEED = 20_261_126
FLOOR = 0.01
CONCENTRATION = 60.0
TARGET = 0.9
CRITICAL_LOW = 0.90
MOST_UNKNOWN = 2
ENOUGH_CASES = 200


@dataclass(frozen=True)
class GateFacts:
    """What the gates ask. `critical_low`: the least Wilson bound of a critical field; None where
    no data was measured, which fails."""

    lawful: bool
    owned: bool
    critical_low: float | None
    unguarded_irreversible: tuple[str, ...] = ()
    unsanctioned_systems: tuple[str, ...] = ()
    cases: int = 0


def gates(facts: GateFacts, dimensions: Iterable[Dimension]) -> tuple[Gate, ...]:
    low = facts.critical_low
    unknown = [each.name for each in dimensions if each.grade == "D"]
    data = "No data quality was measured." if low is None else f"The bound is {low:.2f}."
    return (
        Gate("lawful", facts.lawful, "Prohibited, or without a lawful basis."),
        Gate("owner", facts.owned, "Nobody owns the process."),
        Gate(
            "data",
            low is not None and low >= CRITICAL_LOW,
            f"A critical field is below {CRITICAL_LOW:.2f}. {data}",
        ),
        Gate(
            "reverse",
            not facts.unguarded_irreversible,
            "Cannot be undone and has no checkpoint: " + ", ".join(facts.unguarded_irreversible),
        ),
        Gate(
            "systems",
            not facts.unsanctioned_systems,
            "Not sanctioned, but on the path: " + ", ".join(facts.unsanctioned_systems),
        ),
        Gate(
            "evidence",
            len(unknown) <= MOST_UNKNOWN,
            "Nothing is known of " + ", ".join(unknown),
        ),
        Gate("cases", facts.cases >= ENOUGH_CASES, f"Only {facts.cases:,} cases were seen."),
    )


def mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """exp(Σ w ln max(x, 0.01)), weights rescaled to 1."""
    total = sum(weights[name] for name in values)
    logs = sum(weights[name] * math.log(max(value, FLOOR)) for name, value in values.items())
    return math.exp(logs / total)


def score(
    dimensions: Sequence[Dimension],
    passed: Sequence[Gate] = (),
    weights: Mapping[str, float] | None = None,
) -> Score:
    """The score of all eight dimensions. Raises ValueError if one is missing."""
    weights = weights or WEIGHTS
    values = {each.name: each.value for each in dimensions}
    missing = set(weights) - set(values)
    if missing or len(values) != len(dimensions):
        raise ValueError(f"The dimensions must each be given once; missing: {sorted(missing)}.")
    readiness = mean(values, weights)
    shares = np.array([weights[each.name] for each in dimensions])
    shares = shares / shares.sum()
    logs = np.log(np.maximum(drawn(dimensions), FLOOR))
    draws = np.exp(logs @ shares)
    varied = np.exp((logs * varied_weights(shares)).sum(1))
    low, high = np.quantile(draws, (0.05, 0.95))
    robust_low, robust_high = np.quantile(varied, (0.05, 0.95))
    return Score(
        readiness=readiness,
        low=float(low),
        high=float(high),
        robust_low=float(robust_low),
        robust_high=float(robust_high),
        ready_chance=float((draws >= READY).mean()),
        arithmetic=float(shares @ np.array([each.value for each in dimensions])),
        level=level(float(low), blocked=not all(gate.passed for gate in passed)),
        gates=tuple(passed),
        dimensions=tuple(dimensions),
        gains=gains(values, weights, readiness),
    )


def drawn(dimensions: Sequence[Dimension]) -> Any:
    """4,000 draws of each dimension, by the inverse of the triangular distribution, so that a
    dimension that rises lifts every draw."""
    uniform = np.random.default_rng(SEED).random((DRAWS, len(dimensions)))
    low = np.array([each.low for each in dimensions])
    top = np.array([each.value for each in dimensions])
    high = np.array([each.high for each in dimensions])
    width = np.maximum(high - low, 1e-12)
    turn = (top - low) / width
    rising = low + np.sqrt(uniform * width * np.maximum(top - low, 0))
    falling = high - np.sqrt((1 - uniform) * width * np.maximum(high - top, 0))
    return np.where(uniform < turn, rising, falling)


def varied_weights(shares: Any) -> Any:
    return np.random.default_rng(SEED + 1).dirichlet(CONCENTRATION * shares, DRAWS)


def gains(
    values: Mapping[str, float], weights: Mapping[str, float], readiness: float
) -> tuple[Gain, ...]:
    """What raising each dimension to 0.9 would add."""
    found = [
        Gain(name, TARGET, mean({**values, name: TARGET}, weights) - readiness)
        for name, value in values.items()
        if value < TARGET
    ]
    return tuple(sorted(found, key=lambda each: (-each.gain, each.dimension)))


def rank_ranges(
    portfolio: Mapping[str, Sequence[Dimension]], weights: Mapping[str, float] | None = None
) -> dict[str, tuple[int, int]]:
    """The 5–95 % range of each process's rank (1 the readiest) as values and weights vary."""
    weights = weights or WEIGHTS
    names = list(portfolio)
    if not names:
        return {}
    order = sorted(weights)
    shares = np.array([weights[name] for name in order])
    mixes = varied_weights(shares / shares.sum())
    columns = []
    for place, name in enumerate(names):
        own = {each.name: each for each in portfolio[name]}
        logs = np.log(np.maximum(drawn([own[each] for each in order]), FLOOR))
        rolled = np.roll(logs, place * 97, axis=0)  # processes err apart, weights together
        columns.append((rolled * mixes).sum(1))
    ranks = (-np.stack(columns, 1)).argsort(1).argsort(1) + 1
    low, high = np.quantile(ranks, (0.05, 0.95), axis=0)
    return {
        name: (round(float(low[place])), round(float(high[place])))
        for place, name in enumerate(names)
    }


def value(
    *,
    cases_a_year: tuple[float, float, float],
    minutes: tuple[float, float, float],
    automatable: float,
) -> Value:
    """Hours a year: cases × manual minutes × automatable share; each as (low, likely, high)."""
    low, likely, high = (
        cases * spent * automatable / 60 for cases, spent in zip(cases_a_year, minutes, strict=True)
    )
    return Value(likely, low, high)


def step_verdicts(
    activities: Iterable[str],
    decisions: Decisions,
    *,
    access: Mapping[str, float] | None = None,
    irreversible: Iterable[str] = (),
) -> tuple[StepVerdict, ...]:
    """automate, checkpoint or human, with why. `access`: per activity, 0 to 1 (1 unknown to it
    means no system was named, and counts as 0)."""
    points = {each.activity: each for each in decisions.points}
    final, reach = set(irreversible), access or {}
    return tuple(
        verdict(name, points[name].verdict if name in points else "", name in final, reach)
        for name in activities
    )


def verdict(
    name: str, decision: str, irreversible: bool, reach: Mapping[str, float]
) -> StepVerdict:
    if decision in ("judgement_or_unrecorded", "person_dependent"):
        why = (
            "What follows depends on who decides."
            if decision == "person_dependent"
            else "Recorded facts do not explain what follows."
        )
        return StepVerdict(name, "human", why)
    if reach.get(name, 0.0) < 0.6:
        return StepVerdict(name, "human", "No system lets an agent do this safely.")
    if irreversible:
        return StepVerdict(name, "checkpoint", "It cannot be undone.")
    if decision in ("mixed", "insufficient"):
        why = "Recorded facts explain only part of what follows."
        if decision == "insufficient":
            why = "Too few occurrences show what follows."
        return StepVerdict(name, "checkpoint", why)
    return StepVerdict(name, "automate", "Facts decide what follows, and a system allows it.")


def automatable_share(verdicts: Iterable[StepVerdict], counts: Mapping[str, int]) -> float:
    """The share of events whose step an agent could do alone."""
    total = sum(counts.values())
    alone = sum(counts.get(each.activity, 0) for each in verdicts if each.verdict == "automate")
    return alone / total if total else 0.0


def access_by_activity(
    pairs: Iterable[tuple[str, str, int]], systems: SystemGraph
) -> dict[str, float]:
    """The mean access of each activity over (activity, system, events)."""
    from apps.readiness.mining.systems import ACCESS

    reach = {each.name: ACCESS[each.access] * each.sanctioned for each in systems.nodes}
    sums: dict[str, list[float]] = {}
    for activity, system, events in pairs:
        entry = sums.setdefault(activity, [0.0, 0.0])
        entry[0] += events * reach.get(system, 0.0)
        entry[1] += events
    return {name: good / total for name, (good, total) in sums.items() if total}
