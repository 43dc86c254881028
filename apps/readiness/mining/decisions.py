"""Judgement against structure: how many bits of what people decide do recorded facts explain?

After the decision miner of Rozinat & van der Aalst (2006); in bits, so that an accuracy that only
repeats the commonest outcome earns nothing. Definitions and thresholds: docs/readiness.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from apps.readiness.mining import trees
from apps.readiness.mining.events import Progress
from apps.readiness.mining.occurrences import Sample, Table, sample, table
from apps.readiness.mining.results import DecisionPoint, Decisions, EventLog

LEAST_SHARE = 0.01
LEAST = 200
LEAST_OF_RARER = 50
SHOWN_FROM = 30
SAMPLED = 5_000
DRAWS = 500
STRUCTURED_KAPPA, STRUCTURED_LOW, MIXED_FROM, PERSON_FROM = 0.8, 0.7, 0.4, 0.10


def mine(log: EventLog, *, seed: int = 7, progress: Progress | None = None) -> Decisions:
    """All decision points: activities with two or more successors of at least 1 % each. The same
    log gives the same answer; at most 5,000 occurrences of each point are looked at."""
    source = table(log)
    counts = source.frame.group_by("code", "next").len().sort("code", "next")
    by_code: dict[int, list[tuple[int, int]]] = {}
    for code, following, number in counts.rows():
        by_code.setdefault(code, []).append((following, number))
    points: list[DecisionPoint] = []
    for done, (code, following) in enumerate(sorted(by_code.items()), 1):
        total = sum(number for _, number in following)
        kept = [(name, number) for name, number in following if number >= LEAST_SHARE * total]
        if len(kept) >= 2 and total >= SHOWN_FROM:
            points.append(point(source, code, kept, seed))
        if progress:
            progress(done / len(by_code), done)
    points.sort(key=lambda each: (-each.occurrences * each.residual, each.activity))
    return summed(points, log.cases)


def summed(points: Sequence[DecisionPoint], cases: int) -> Decisions:
    """D_rules and the bits per case, over the points with enough evidence."""
    weighed = [each for each in points if each.verdict != "insufficient"]
    bits = sum(each.occurrences * each.entropy for each in weighed)
    left = sum(each.occurrences * min(each.residual, each.entropy) for each in weighed)
    most = sum(
        each.occurrences * each.entropy * (1 - max(0.0, each.explained_low)) for each in weighed
    )
    return Decisions(
        points=tuple(points),
        rules=1 - left / bits if bits else None,
        rules_low=1 - most / bits if bits else None,
        bits_per_case=bits / cases,
        residual_bits_per_case=left / cases,
    )


def point(source: Table, code: int, kept: list[tuple[int, int]], seed: int) -> DecisionPoint:
    outcomes = [following for following, _ in kept]
    rows = source.frame.filter((pl.col("code") == code) & pl.col("next").is_in(outcomes))
    numbers = [number for _, number in kept]
    entropy = bits(np.array(numbers, dtype=float))
    enough = rows.height >= LEAST and sorted(numbers)[-2] >= LEAST_OF_RARER
    if not enough:
        return DecisionPoint(
            activity=source.names[code],
            outcomes={source.names[name]: number for name, number in kept},
            occurrences=rows.height,
            entropy=entropy,
            residual=entropy,
            explained=0.0,
            explained_low=0.0,
            kappa=0.0,
            skill=0.0,
            skill_with_resource=None,
            person_dependence=None,
            verdict="insufficient",
            rules=(),
            inputs=(),
        )
    taken = rows
    if rows.height > SAMPLED:
        chosen = np.random.default_rng([seed, code]).choice(rows.height, SAMPLED, replace=False)
        taken = rows[np.sort(chosen)]
    return judged(source, code, kept, rows.height, sample(source, taken, outcomes), seed)


@dataclass(frozen=True)
class Fit:
    """What cross-validation says: bits lost at each occurrence, agreement, skill."""

    losses: Any
    kappa: float
    skill: float


def judged(
    source: Table, code: int, kept: list[tuple[int, int]], total: int, data: Sample, seed: int
) -> DecisionPoint:
    classes = len(kept)
    plain = fitted(data, classes, seed, people=False)
    entropy = bits(np.bincount(data.y, minlength=classes).astype(float))
    residual = float(plain.losses.mean())
    low = lowest(data, plain.losses, classes, seed)
    with_people: float | None = None
    if (data.people >= 0).any() and len(np.unique(data.people)) > 1:
        with_people = fitted(data, classes, seed, people=True).skill
    dependence = None if with_people is None else with_people - plain.skill
    explained = 1 - residual / entropy
    names = [source.names[following] for following, _ in kept]
    return DecisionPoint(
        activity=source.names[code],
        outcomes=dict(zip(names, (number for _, number in kept), strict=True)),
        occurrences=total,
        entropy=entropy,
        residual=residual,
        explained=explained,
        explained_low=low,
        kappa=plain.kappa,
        skill=plain.skill,
        skill_with_resource=with_people,
        person_dependence=dependence,
        verdict=verdict(plain.kappa, explained, low, dependence),
        rules=trees.sentences(data, source.numeric, source.named, names, seed),
        inputs=(*source.numeric, *source.named),
    )


def verdict(kappa: float, explained: float, low: float, dependence: float | None) -> str:
    if kappa >= STRUCTURED_KAPPA and low >= STRUCTURED_LOW:
        return "structured"
    if dependence is not None and dependence >= PERSON_FROM:
        return "person_dependent"
    return "mixed" if explained >= MIXED_FROM else "judgement_or_unrecorded"


def fitted(data: Sample, classes: int, seed: int, *, people: bool) -> Fit:
    """Five folds, grouped by case. Leaf frequencies are shrunk to the prior with weight 2."""
    losses = np.zeros(len(data.y))
    likeliest = np.zeros(len(data.y), dtype=np.int64)
    lifted = np.zeros(len(data.y), dtype=np.int64)
    for train, test in folds(data.groups, seed):
        prior = (np.bincount(data.y[train], minlength=classes) + 0.5) / (len(train) + 0.5 * classes)
        chances = trees.chances(data, train, test, prior, people=people, seed=seed)
        losses[test] = -np.log2(chances[np.arange(len(test)), data.y[test]])
        likeliest[test] = chances.argmax(1)
        lifted[test] = (chances / prior).argmax(1)
    return Fit(losses, kappa(data.y, likeliest, classes), skill(data.y, lifted, classes))


def folds(groups: Any, seed: int, number: int = 5) -> list[tuple[Any, Any]]:
    """(train, test) rows; all rows of a case lie in one fold."""
    cases, place = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(cases)) % number
    of_row = fold[place]
    return [
        (np.flatnonzero(of_row != each), np.flatnonzero(of_row == each))
        for each in range(number)
        if (of_row == each).any() and (of_row != each).any()
    ]


def bits(counts: Any) -> float:
    """Shannon's entropy of a count table."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def kappa(truth: Any, said: Any, classes: int) -> float:
    """Cohen's kappa."""
    agreed = float((truth == said).mean())
    ones = np.bincount(truth, minlength=classes) / len(truth)
    others = np.bincount(said, minlength=classes) / len(said)
    chance = float((ones * others).sum())
    return 0.0 if math.isclose(chance, 1.0) else (agreed - chance) / (1 - chance)


def skill(truth: Any, said: Any, classes: int) -> float:
    """Balanced accuracy, rescaled so that guessing is 0 and knowing is 1."""
    present = [each for each in range(classes) if (truth == each).any()]
    recall = [float((said[truth == each] == each).mean()) for each in present]
    chance = 1 / classes
    return (sum(recall) / len(recall) - chance) / (1 - chance)


def lowest(data: Sample, losses: Any, classes: int, seed: int) -> float:
    """The one-sided 95 % bound of the explained share: cases drawn with replacement, 500 times."""
    _, place = np.unique(data.groups, return_inverse=True)
    number = place.max() + 1
    columns = [np.bincount(place, weights=losses, minlength=number)]
    columns += [
        np.bincount(place, weights=data.y == each, minlength=number) for each in range(classes)
    ]
    sums = np.stack(columns, 1)
    draws = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        drawn = np.bincount(draws.integers(0, number, number), minlength=number) @ sums
        entropy = bits(drawn[1:])
        if entropy:
            found.append(1 - drawn[0] / drawn[1:].sum() / entropy)
    return float(np.quantile(found, 0.05)) if found else 0.0
