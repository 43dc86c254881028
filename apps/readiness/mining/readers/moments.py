"""Moments as people and programs write them, told apart and read in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from apps.readiness.mining.events import MOMENT
from apps.readiness.mining.results import LogRefused

TIMES = ("%H:%M:%S%.f", "%H:%M")
ISO_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d")
DAY_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y")
ZONED = ("%+", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M%z")
FIRST_LOOK = 100
EPOCH = ("seconds", "milliseconds")


def spelled(dates: Sequence[str]) -> tuple[str, ...]:
    full = [f"{date}{gap}{time}" for date, time, gap in product(dates, TIMES, "T ")]
    return (*full, *dates)


NAIVE = (*spelled(ISO_DATES), *spelled(DAY_FIRST), *spelled(MONTH_FIRST))


def known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise LogRefused(f"“{zone}” is not a time zone.") from error
    return zone


def formats_of(sample: pl.Series) -> tuple[str, ...]:
    """The formats in which the sample is written, commonest first. Refuses to guess whether the
    day or the month comes first where both readings are possible throughout."""
    text = sample.drop_nulls().str.strip_chars()
    text = text.filter(text != "")
    if not text.len():
        return ("%+",)
    found: list[str] = []
    left = text
    while left.len() and len(found) < 4:
        some = left.head(FIRST_LOOK)
        likely = [each for each in known() if parse(some, each, "UTC").is_not_null().any()]
        counts = {each: int(parse(left, each, "UTC").is_not_null().sum()) for each in likely}
        if not counts:
            left = left.slice(FIRST_LOOK)
            continue
        best = max(counts, key=lambda each: counts[each])
        if counts[best] == left.len():
            refuse_ambiguous(left, [each for each in counts if counts[each] == left.len()])
        found.append(best)
        left = left.filter(parse(left, best, "UTC").is_null())
    return tuple(found) or ("%+",)


def known() -> tuple[str, ...]:
    return (*ZONED, *NAIVE, *EPOCH)


def refuse_ambiguous(text: pl.Series, fitting: list[str]) -> None:
    days = [each for each in fitting if each.startswith("%d")]
    months = [each for each in fitting if each.startswith("%m")]
    if days and months and (parse(text, days[0], "UTC") != parse(text, months[0], "UTC")).any():
        raise LogRefused(
            f"“{text[0]}” may name the day or the month first. State the format: "
            f"{days[0].replace('%.f', '')} or {months[0].replace('%.f', '')}."
        )


def parse(text: pl.Series, format_: str, zone: str) -> pl.Series:
    """UTC moments; null where the text is not in this format."""
    frame = pl.DataFrame({"text": text})
    return frame.select(expression(pl.col("text"), format_, zone))["text"]


def expression(column: pl.Expr, format_: str, zone: str) -> pl.Expr:
    column = column.str.strip_chars()
    if format_ in EPOCH:
        digits = 10 if format_ == "seconds" else 13
        scale = 1_000_000 if format_ == "seconds" else 1_000
        number = column.str.extract(rf"^(\d{{{digits}}})$").cast(pl.Int64, strict=False)
        return (number * scale).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(MOMENT)
    if format_ == "%+" or "%z" in format_ or "%#z" in format_:
        moment = column.str.to_datetime(format_, strict=False, time_unit="us")
        return moment.dt.convert_time_zone("UTC")
    if not any(mark in format_ for mark in ("%H", "%I", "%T", "%R")):
        day = column.str.to_date(format_, strict=False).cast(pl.Datetime("us"))
        return in_zone(day, zone)
    return in_zone(column.str.to_datetime(format_, strict=False, time_unit="us"), zone)


def in_zone(moment: pl.Expr, zone: str) -> pl.Expr:
    placed = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC")


def says_zone(format_: str) -> bool:
    return format_ == "%+" or "z" in format_ or format_ in EPOCH


def read(column: str, formats: Sequence[str], zone: str) -> pl.Expr:
    """The first format that fits."""
    return pl.coalesce([expression(pl.col(column), each, zone) for each in formats])
