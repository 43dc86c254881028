"""Shallow decision trees over the occurrences of one decision point."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.readiness.mining.occurrences import Sample

DEPTH = 4
ONE_HOT = 8
SHRINK = 2.0
SHOWN = 8


def tree(rows: int, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    leaf = max(20, rows // 100)
    return DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=leaf, random_state=seed)


def chances(data: Sample, train: Any, test: Any, prior: Any, *, people: bool, seed: int) -> Any:
    """The chance of each outcome at each test row."""
    known, asked = encoded(data, train, test, prior, people=people)
    model = tree(len(train), seed).fit(known, data.y[train])
    leaves, classes = model.apply(known), len(prior)
    counts = np.zeros((model.tree_.node_count, classes))
    np.add.at(counts, (leaves, data.y[train]), 1)
    shrunk = (counts + SHRINK * prior) / (counts.sum(1, keepdims=True) + SHRINK)
    return shrunk[model.apply(asked)]


def encoded(data: Sample, train: Any, test: Any, prior: Any, *, people: bool) -> tuple[Any, Any]:
    """Texts of few levels become one column per level; of many, and people, the outcome rates of
    the level in the training rows, shrunk to the prior, so that no test row tells of itself."""
    known, asked = [data.numbers[train]], [data.numbers[test]]
    for codes, levels in zip(data.texts, data.levels, strict=True):
        if len(levels) <= ONE_HOT:
            columns = codes[:, None] == np.arange(len(levels))
            known.append(columns[train])
            asked.append(columns[test])
        else:
            add_rates(known, asked, codes, data.y, train, test, prior)
    if people:
        add_rates(known, asked, data.people, data.y, train, test, prior)
    return np.hstack(known).astype(np.float32), np.hstack(asked).astype(np.float32)


def add_rates(
    known: list[Any], asked: list[Any], codes: Any, y: Any, train: Any, test: Any, prior: Any
) -> None:
    number, classes, weight = int(codes.max()) + 2, len(prior), 10.0
    counts = np.zeros((number, classes))
    np.add.at(counts, (codes[train] + 1, y[train]), 1)
    totals = counts.sum(1, keepdims=True)
    rates = (counts + weight * prior) / (totals + weight)
    # Taking a row out of its own rate would tell the tree its outcome, by the difference.
    known.append(rates[codes[train] + 1])
    asked.append(rates[codes[test] + 1])


def sentences(
    data: Sample, numeric: tuple[str, ...], named: tuple[str, ...], outcomes: list[str], seed: int
) -> tuple[str, ...]:
    """The leaves of a tree over all rows, the largest first, as "where … : outcome (97 % of 412)".
    Texts of many levels are left to the commonest levels."""
    columns, words = [data.numbers], [(name, "") for name in numeric]
    for name, codes, levels in zip(named, data.texts, data.levels, strict=True):
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        for level in np.argsort(-counts, kind="stable")[:ONE_HOT]:
            columns.append((codes == level)[:, None])
            words.append((name, levels[level]))
    inputs = np.hstack(columns).astype(np.float32)
    model = tree(len(data.y), seed).fit(inputs, data.y)
    found: list[tuple[int, str]] = []
    walk(model.tree_, 0, {}, words, outcomes, found)
    found.sort(key=lambda each: (-each[0], each[1]))
    return tuple(text for _, text in found[:SHOWN])


def walk(
    grown: Any,
    node: int,
    conditions: dict[tuple[str, str], str],
    words: list[tuple[str, str]],
    outcomes: list[str],
    found: list[tuple[int, str]],
) -> None:
    left, right = int(grown.children_left[node]), int(grown.children_right[node])
    if left == right:
        shares, number = grown.value[node][0], int(grown.n_node_samples[node])
        best = int(shares.argmax())
        share = float(shares[best] / shares.sum())
        where = " and ".join(conditions.values()) or "always"
        found.append((number, f"{where}: {outcomes[best]} ({share:.0%} of {number:,})"))
        return
    name, level = words[int(grown.feature[node])]
    limit = f"{float(grown.threshold[node]):.6g}"
    less, more = (
        (f"{name} is not {level}", f"{name} is {level}")
        if level
        else (f"{name} ≤ {limit}", f"{name} > {limit}")
    )
    # A deeper bound on the same number is the tighter one, and takes the place of the first.
    walk(grown, left, {**conditions, (name, level or "≤"): less}, words, outcomes, found)
    walk(grown, right, {**conditions, (name, level or ">"): more}, words, outcomes, found)
