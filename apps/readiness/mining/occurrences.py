"""What was known at each event, as columns a decision could have hung on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from apps.readiness.mining.results import EventLog

MOST_LEVELS = 200
MOST_INPUTS = 30
NUMERIC_SHARE = 0.95


@dataclass(frozen=True)
class Table:
    """All events with a successor: `frame` holds case_no, activity and next codes, resource and
    the inputs; `numeric` and `named` say which inputs are numbers and which are texts."""

    frame: pl.DataFrame
    names: list[str]
    numeric: tuple[str, ...]
    named: tuple[str, ...]


def table(log: EventLog) -> Table:
    """Attributes carry forward within a case, so that nothing counts as known before it was
    written. Columns that name a different thing in nearly every case are left out."""
    frame = log.frame
    case = pl.col("case_no")
    new = (case != case.shift()).fill_null(True)
    code = pl.col("activity").to_physical().cast(pl.Int32)
    frame = frame.with_columns(row=pl.int_range(pl.len()), new=new, code=code)
    frame = frame.with_columns(
        first=pl.when("new").then("row").forward_fill(),
        began=pl.when("new").then(pl.col("at").to_physical()).forward_fill(),
    )
    same_next = case == case.shift(-1)
    repeats = pl.int_range(pl.len()).over("case_no", "code")
    columns = [
        "case_no",
        "code",
        "resource",
        pl.when(same_next).then(pl.col("code").shift(-1)).alias("next"),
        pl.when(~pl.col("new")).then(pl.col("activity").cast(pl.String).shift()).alias("previous"),
        repeats.cast(pl.Float64).alias("times before"),
        (pl.col("row") - pl.col("first")).cast(pl.Float64).alias("position"),
        ((pl.col("at").to_physical() - pl.col("began")) / 3.6e9).alias("hours elapsed"),
    ]
    numeric, named = ["times before", "position", "hours elapsed"], ["previous"]
    inputs = [*log.case_attributes, *log.event_attributes, "system", "cost"]
    for name in inputs[:MOST_INPUTS]:
        kind = kind_of(frame, name, log.cases)
        if kind == "numeric":
            columns.append(known(pl.col(name).cast(pl.Float64, strict=False)).alias(name))
            numeric.append(name)
        elif kind == "named":
            columns.append(known(pl.col(name).cast(pl.String)).alias(name))
            named.append(name)
    chosen = frame.select(columns).filter(pl.col("next").is_not_null())
    names = list(log.activities)
    return Table(chosen, names, tuple(numeric), tuple(named))


def known(value: pl.Expr) -> pl.Expr:
    """The last value written in the case so far; null before the first."""
    written = pl.when(value.is_not_null()).then(pl.col("row")).forward_fill()
    return pl.when(written >= pl.col("first")).then(value.forward_fill())


def kind_of(frame: pl.DataFrame, name: str, cases: int) -> str:
    """numeric, named, or "" for a column that cannot carry a rule."""
    column = frame[name]
    given = column.len() - column.null_count()
    if not given:
        return ""
    if column.dtype.is_numeric():
        return "numeric" if column.n_unique() > 1 else ""
    if column.dtype.is_temporal():
        return ""
    numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
    if numbers.len() - numbers.null_count() >= NUMERIC_SHARE * given:
        return "numeric" if numbers.n_unique() > 1 else ""
    levels = column.n_unique()
    return "named" if 1 < levels <= min(MOST_LEVELS, max(2, cases // 4)) else ""


@dataclass(frozen=True)
class Sample:
    """The occurrences of one decision point: `y` outcome codes 0…k-1, `groups` cases."""

    y: Any
    groups: Any
    numbers: Any  # one column per numeric input
    texts: tuple[Any, ...]  # one array of codes per named input, -1 unknown
    levels: tuple[tuple[str, ...], ...]
    people: Any  # codes of resources, -1 unknown


def sample(source: Table, frame: pl.DataFrame, outcomes: list[int]) -> Sample:
    place = {code: number for number, code in enumerate(outcomes)}
    y = np.array([place[code] for code in frame["next"].to_list()], dtype=np.int64)
    numbers = frame.select(source.numeric).to_numpy().astype(np.float64)
    coded = [codes(frame[name]) for name in source.named]
    people = codes(frame["resource"])[0]
    return Sample(
        y=y,
        groups=frame["case_no"].to_numpy(),
        numbers=np.nan_to_num(numbers, nan=-1.0),
        texts=tuple(found for found, _ in coded),
        levels=tuple(levels for _, levels in coded),
        people=people,
    )


def codes(column: pl.Series) -> tuple[Any, tuple[str, ...]]:
    levels = tuple(sorted(column.drop_nulls().unique().to_list()))
    place = {name: number for number, name in enumerate(levels)}
    found = [place.get(value, -1) for value in column.to_list()]
    return np.array(found, dtype=np.int64), levels
