"""Data quality in the shape of ISO/IEC 25024:2015: X = A/B, with A and B kept as evidence.

Rules for a table are JSON, one object per check:

    {"field": "amount", "check": "complete", "critical": true}
    {"field": "currency", "check": "one_of", "values": ["EUR", "GBP"]}
    {"field": "iban", "check": "pattern", "pattern": "^[A-Z]{2}[0-9]{2}"}
    {"field": "amount", "check": "range", "least": 0, "most": 1000000}
    {"field": "id", "check": "unique"}            or {"fields": ["vendor", "number"], …}
    {"field": "paid_on", "check": "not_before", "other": "issued_on"}
    {"field": "gross", "check": "sum_of", "fields": ["net", "tax"], "tolerance": 0.01}
    {"field": "updated_at", "check": "fresh", "days": 30}
    {"field": "country", "check": "given_with", "other": "vat_id"}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from apps.readiness.mining.results import Check, EventLog, FieldQuality, Imperfection, Quality
from apps.readiness.mining.shares import wilson
from apps.readiness.mining.statements import CHECKS, rule_problem

EXAMPLES = 5


class RuleRefused(ValueError):
    """A rule that cannot be applied to this table; the message says why."""


def table_quality(
    frame: pl.DataFrame, rules: Sequence[Mapping[str, Any]], *, now: datetime | None = None
) -> Quality:
    """All rules over a table. A rule other than `complete` looks only at rows that have a value.
    `now` is needed by `fresh`."""
    checks = [checked(frame, rule, now) for rule in rules]
    critical = {label(rule) for rule in rules if rule.get("critical")}
    return quality(frame.height, checks, critical, ())


def label(rule: Mapping[str, Any]) -> str:
    if "field" in rule:
        return str(rule["field"])
    return " + ".join(map(str, rule.get("fields", ())))


def checked(frame: pl.DataFrame, rule: Mapping[str, Any], now: datetime | None) -> Check:
    if problem := rule_problem(rule):
        raise RuleRefused(problem)
    kind = str(rule["check"])
    listed = rule["fields"] if "field" not in rule or kind == "sum_of" else ()
    needed = [rule.get("field"), rule.get("other"), *listed]
    for name in needed:
        if name is not None and name not in frame.columns:
            raise RuleRefused(f"The table has no column “{name}”.")
    applies, holds = expressions(frame, kind, rule, now)
    try:
        marks = frame.select(applies=applies.fill_null(False), holds=holds.fill_null(False))
    except pl.exceptions.PolarsError as error:
        raise RuleRefused(f"“{kind}” cannot be applied to “{label(rule)}”: {error}") from error
    total = int(marks["applies"].sum())
    good = int((marks["applies"] & marks["holds"]).sum())
    shown = needed[0] or rule["fields"][0]
    broken = frame.filter(marks["applies"] & ~marks["holds"])[shown].unique(maintain_order=True)
    return Check(
        field=label(rule),
        dimension=CHECKS[kind],
        rule=kind,
        good=good,
        total=total,
        share=good / total if total else 1.0,
        low=wilson(good, total)[0],
        examples=tuple(str(value)[:80] for value in broken.head(EXAMPLES).to_list()),
    )


def filled(name: str, frame: pl.DataFrame) -> pl.Expr:
    column = pl.col(name)
    if frame.schema[name] == pl.String:
        return column.is_not_null() & (column.str.strip_chars() != "")
    return column.is_not_null()


def number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def expressions(
    frame: pl.DataFrame, kind: str, rule: Mapping[str, Any], now: datetime | None
) -> tuple[pl.Expr, pl.Expr]:
    """(applies, holds) as columns of truth values."""
    if kind == "unique":
        names = list(rule["fields"]) if "field" not in rule else [rule["field"]]
        there = pl.all_horizontal([filled(name, frame) for name in names])
        return there, pl.struct(names).is_unique()
    name = rule["field"]
    there = filled(name, frame)
    if kind == "complete":
        return there | True, there
    if kind == "given_with":
        return filled(rule["other"], frame), there
    return there, validity(frame, kind, rule, now)


def validity(
    frame: pl.DataFrame, kind: str, rule: Mapping[str, Any], now: datetime | None
) -> pl.Expr:
    name = rule["field"]
    if kind == "one_of":
        return pl.col(name).cast(pl.String).is_in([str(value) for value in rule["values"]])
    if kind == "pattern":
        return pl.col(name).cast(pl.String).str.contains(rule["pattern"])
    if kind == "range":
        value = number(name)
        low = value >= float(rule["least"]) if "least" in rule else value.is_not_null()
        return low & (value <= float(rule["most"])) if "most" in rule else low
    if kind == "not_before":
        other = pl.col(rule["other"])
        return (pl.col(name) >= other) | ~filled(rule["other"], frame)
    if kind == "sum_of":
        total = pl.sum_horizontal([number(part) for part in rule["fields"]])
        return (number(name) - total).abs() <= float(rule.get("tolerance", 0.0)) + 1e-9
    if now is None:
        raise RuleRefused("“fresh” needs to know the present moment.")
    oldest = now - timedelta(days=float(rule["days"]))
    moment = pl.col(name)
    if frame.schema[name] == pl.String:
        moment = moment.str.to_datetime(strict=False, time_zone="UTC")
    return moment >= pl.lit(oldest)


def quality(
    rows: int,
    checks: Sequence[Check],
    critical: Iterable[str],
    imperfections: Sequence[Imperfection],
) -> Quality:
    """Fields at the least of their dimensions; the score at the weakest critical field."""
    named = set(critical)
    fields: list[FieldQuality] = []
    for name in dict.fromkeys(each.field for each in checks):
        own = [each for each in checks if each.field == name and each.total]
        if own:
            weakest = min(own, key=lambda each: (each.share, each.low))
            least = min(each.low for each in own)
            fields.append(
                FieldQuality(name, name in named, weakest.share, least, weakest.dimension)
            )
    ranked = [each for each in fields if each.critical] or fields
    worst = min(ranked, key=lambda each: (each.share, each.low), default=None)
    return Quality(
        rows=rows,
        checks=tuple(checks),
        fields=tuple(sorted(fields, key=lambda each: (each.share, each.field))),
        imperfections=tuple(imperfections),
        score=worst.share if worst else None,
        score_low=min((each.low for each in ranked), default=None),
        weakest_field=worst.field if worst else "",
    )


def log_quality(
    log: EventLog, *, now: datetime | None = None, critical: Sequence[str] = ()
) -> Quality:
    """A log's fields and imperfections. Case, activity and moment are always critical; rows that
    the reader had to leave out count against them."""
    from apps.readiness.mining.imperfections import imperfections

    counts = log.fault_counts
    lost = {
        "case": counts.get("no_case", 0),
        "activity": counts.get("no_activity", 0),
        "at": counts.get("no_moment", 0),
    }
    checks = [
        ratio(name, "completeness", "complete", log.events, log.events + gone)
        for name, gone in lost.items()
    ]
    bad = counts.get("bad_moment", 0)
    checks.append(ratio("at", "validity", "moment", log.events, log.events + bad))
    for name in ("resource", "team", "system", "cost", *log.case_attributes, *log.event_attributes):
        given = log.events - log.frame[name].null_count()
        if given or name in critical:
            checks.append(ratio(name, "completeness", "complete", given, log.events))
    key = log.frame.select("case_no", "activity", "at", "resource")
    extra = int(key.is_duplicated().sum()) - int(key.filter(key.is_duplicated()).n_unique())
    checks.append(ratio("case", "uniqueness", "no event twice", log.events - extra, log.events))
    timed = log.frame.filter(pl.col("start_at").is_not_null())
    if timed.height:
        right = timed.filter(pl.col("start_at") <= pl.col("at")).height
        checks.append(ratio("at", "consistency", "ends after start", right, timed.height))
    if now is not None:
        past = log.frame.filter(pl.col("at") <= now).height
        checks.append(ratio("at", "validity", "not in the future", past, log.events))
    found = imperfections(log, now=now)
    return quality(log.events, checks, {"case", "activity", "at", *critical}, found)


def ratio(field: str, dimension: str, rule: str, good: int, total: int) -> Check:
    share = good / total if total else 1.0
    return Check(field, dimension, rule, good, total, share, wilson(good, total)[0])
