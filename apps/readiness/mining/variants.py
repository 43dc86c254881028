"""The paths that cases take."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl

from apps.readiness.mining.results import EventLog, Variant, Variants

RARE = 0.001
Numbers = np.ndarray[Any, np.dtype[np.uint64]]


def variants(log: EventLog) -> Variants:
    """All variants, commonest first. Cases are grouped by 128 bits made of their activities'
    codes and places; a variant's own digest is of its names, the same in every log."""
    starts, keys = fingerprints(log)
    frame = pl.DataFrame({"start": starts, "one": keys[0], "two": keys[1]})
    lengths = np.diff(np.append(starts, log.events))
    frame = frame.with_columns(pl.Series("length", lengths))
    groups = (
        frame.group_by("one", "two", "length", maintain_order=True)
        .agg(pl.len().alias("cases"), pl.col("start").first())
        .sort("cases", "start", descending=[True, False])
    )
    found = tuple(
        variant(log, row["start"], row["length"], row["cases"])
        for row in groups.iter_rows(named=True)
    )
    total = len(starts)
    shares = np.cumsum([each.cases for each in found]) / total
    return Variants(
        variants=found,
        cases=total,
        for_80_percent=int(np.searchsorted(shares, 0.8 - 1e-12) + 1),
        coverage=tuple(float(share) for share in shares),
        rare_share=sum(each.cases for each in found if each.cases < RARE * total) / total,
    )


def case_starts(log: EventLog) -> Any:
    """The row at which each case starts."""
    numbers = log.frame["case_no"].to_numpy()
    return np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))


def fingerprints(log: EventLog) -> tuple[Any, tuple[Numbers, Numbers]]:
    codes = log.frame["activity"].to_physical().to_numpy().astype(np.uint64)
    starts = case_starts(log)
    lengths = np.diff(np.append(starts, len(codes)))
    places = (np.arange(len(codes)) - np.repeat(starts, lengths)).astype(np.uint64)
    word = (codes << np.uint64(40)) | places
    one = np.add.reduceat(mixed(word, 0x9E3779B97F4A7C15), starts)
    two = np.add.reduceat(mixed(word, 0xD1B54A32D192ED03), starts)
    return starts, (one, two)


def mixed(words: Numbers, seed: int) -> Numbers:
    """splitmix64: every bit of the input moves half of the output's."""
    words = words + np.uint64(seed)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def variant(log: EventLog, start: int, length: int, cases: int) -> Variant:
    names = tuple(log.frame["activity"].slice(start, length).cast(pl.String).to_list())
    return Variant(digest(names), names, cases, log.frame["case"][start])


def digest(activities: tuple[str, ...]) -> str:
    """The same for the same names in the same order, whatever the log."""
    text = "".join(f"{len(name)}:{name}" for name in activities)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def of_cases(log: EventLog, found: Variants) -> pl.DataFrame:
    """`case_no`, `case` and `variant` (its place in `found`) of each case."""
    starts, keys = fingerprints(log)
    heads = log.frame.select("case_no", "case")[starts]
    frame = heads.with_columns(pl.Series("one", keys[0]), pl.Series("two", keys[1]))
    examples = {each.example: place for place, each in enumerate(found.variants)}
    known = frame.filter(pl.col("case").is_in(list(examples))).select(
        "one", "two", pl.col("case").replace_strict(examples).alias("variant")
    )
    placed: pl.DataFrame = frame.join(known, on=["one", "two"], maintain_order="left")
    return placed.select("case_no", "case", "variant")
