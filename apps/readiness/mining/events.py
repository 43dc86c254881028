"""An event log out of raw rows: checked, ordered, and told which attributes belong to the case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from apps.readiness.mining.results import COLUMNS, EventLog, Fault, LogRefused

KEPT_FAULTS = 100
MOMENT = pl.Datetime("us", "UTC")
Progress = Callable[[float, int], None]


@dataclass
class Faults:
    """The first hundred faults, and the number of all of each kind."""

    kept: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, line: int, message: str, *, dropped: bool, times: int = 1) -> None:
        self.counts[kind] += times
        if len(self.kept) < KEPT_FAULTS:
            self.kept.append(Fault(kind, line, message, dropped))

    def rows(
        self, frame: pl.DataFrame, bad: pl.Expr, kind: str, message: str, *, dropped: bool
    ) -> pl.DataFrame:
        """Notes the rows for which `bad` holds (a null does not), by their `line`; returns the
        frame without them if they are dropped. The message may name a column in braces."""
        marks = frame.select(bad.fill_null(False)).to_series()
        count = int(marks.sum())
        if not count:
            return frame
        found = frame.filter(marks)
        for row in found.head(KEPT_FAULTS - len(self.kept)).iter_rows(named=True):
            self.kept.append(Fault(kind, row["line"], message.format(**row), dropped))
        self.counts[kind] += count
        return frame.filter(~marks) if dropped else frame


def checked(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """Rows of raw columns without those that no analysis can use. Needs `line`, `case`,
    `activity` (text) and `at`; `at_text` is what was written."""
    for column, kind, words in (
        ("case", "no_case", "case id"),
        ("activity", "no_activity", "activity"),
    ):
        frame = frame.with_columns(pl.col(column).str.strip_chars())
        empty = pl.col(column).is_null() | (pl.col(column) == "")
        frame = faults.rows(frame, empty, kind, f"The row names no {words}.", dropped=True)
    if "at_text" in frame.columns:
        written = pl.col("at_text").str.strip_chars()
        none = written.is_null() | (written == "")
        frame = faults.rows(frame, none, "no_moment", "The row has no moment.", dropped=True)
        frame = faults.rows(
            frame,
            pl.col("at").is_null(),
            "bad_moment",
            "“{at_text}” cannot be read as a moment.",
            dropped=True,
        ).drop("at_text")
    if "start_at" in frame.columns:
        frame = faults.rows(
            frame,
            pl.col("start_at") > pl.col("at"),
            "end_before_start",
            "The step ends ({at}) before it starts ({start_at}).",
            dropped=False,
        )
    return frame


def build(frame: pl.DataFrame, faults: Faults | None = None, keep: Sequence[str] = ()) -> EventLog:
    """The log of checked rows in source order. Columns beyond the known ones are attributes;
    those in `keep` count as the case's even if they change."""
    faults = faults or Faults()
    if not frame.height:
        raise LogRefused("The log holds no event that can be used" + tally(faults))
    frame = frame.drop("line", strict=False)
    order = pl.Enum(frame["case"].unique(maintain_order=True))
    names = pl.Enum(frame["activity"].unique().sort())
    known = [
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in TYPES.items()
        if name not in frame.columns
    ]
    frame = frame.with_columns(
        pl.col("case").cast(order).to_physical().cast(pl.UInt32).alias("case_no"),
        pl.col("activity").cast(names),
        *known,
    )
    if not in_order(frame):
        frame = frame.sort("case_no", "at", maintain_order=True)
    attributes = [name for name in frame.columns if name not in TYPES and name not in FIXED]
    frame = frame.select("case_no", *COLUMNS, *attributes)
    constant = {name for name in attributes if name in keep or belongs_to_case(frame, name)}
    return EventLog(
        frame=frame,
        case_attributes=tuple(name for name in attributes if name in constant),
        event_attributes=tuple(name for name in attributes if name not in constant),
        faults=tuple(faults.kept),
        fault_counts=dict(faults.counts),
    )


FIXED = {"case", "activity", "at", "case_no"}
TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "resource": pl.String,
    "team": pl.String,
    "system": pl.String,
    "cost": pl.Float64,
    "start_at": MOMENT,
}


def between(log: EventLog, begin: datetime, end: datetime) -> EventLog:
    """The cases that began in [begin, end), whole: to compare two periods."""
    new = (pl.col("case_no") != pl.col("case_no").shift()).fill_null(True)
    began = pl.when(new).then("at").forward_fill()
    frame = log.frame.filter((began >= begin) & (began < end))
    if not frame.height:
        raise LogRefused("No case began in this period.")
    return replace(log, frame=frame, faults=(), fault_counts={})


def tally(faults: Faults) -> str:
    """ ", for these reasons: …" for the message of a refusal."""
    if not faults.counts:
        return "."
    reasons = {
        "no_case": "no case id",
        "no_activity": "no activity",
        "no_moment": "no moment",
        "bad_moment": "a moment that cannot be read",
    }
    said = [f"{count:,} with {reasons.get(kind, kind)}" for kind, count in faults.counts.items()]
    first = faults.kept[0] if faults.kept else None
    where = f" The first is in line {first.line}." if first else ""
    return ": " + ", ".join(said) + "." + where


def in_order(frame: pl.DataFrame) -> bool:
    """Whether the rows lie by case and moment already, which most exports do."""
    case, at = pl.col("case_no"), pl.col("at")
    wrong = (case < case.shift()) | ((case == case.shift()) & (at < at.shift()))
    return not bool(frame.select(wrong.fill_null(False).any()).item())


def belongs_to_case(frame: pl.DataFrame, name: str) -> bool:
    """Whether the attribute is known from each case's first event on, and stays."""
    start = pl.col("case_no") != pl.col("case_no").shift()
    late = frame.select(
        ((start.fill_null(True)) & pl.col(name).is_null()).sum() > 0.5 * start.fill_null(True).sum()
    ).item()
    if late:
        return False
    given = frame.select("case_no", name).filter(pl.col(name).is_not_null())
    changes = (pl.col("case_no") == pl.col("case_no").shift()) & (
        pl.col(name) != pl.col(name).shift()
    )
    return bool(given.height) and not bool(given.select(changes.fill_null(False).any()).item())


def of_rows(rows: Sequence[dict[str, object]]) -> EventLog:
    """A log of plain rows with `case`, `activity`, `at` (aware) and whatever else is known."""
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    frame = frame.with_columns(
        pl.col(name).cast(MOMENT) for name in ("at", "start_at") if name in frame.columns
    )
    frame = frame.with_columns(pl.int_range(1, pl.len() + 1).alias("line"))
    faults = Faults()
    return build(checked(frame, faults), faults)
