"""Rules over cases in the manner of Declare (van der Aalst, Pesic, Schonenberg 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from apps.readiness.mining.results import ConstraintResult, EventLog

EXAMPLES = 20
KINDS = ("precedence", "four_eyes", "never_both")


def check(log: EventLog, rules: Iterable[Mapping[str, str]]) -> tuple[ConstraintResult, ...]:
    """Each rule is {"kind": …, "first": activity, "second": activity}:

    precedence: wherever the second is done, the first was done before;
    four_eyes: where a case holds both, no person did both;
    never_both: a case that holds the one does not hold the other (applies to cases with either).
    """
    return tuple(one(log, rule["kind"], rule["first"], rule["second"]) for rule in rules)


def one(log: EventLog, kind: str, first: str, second: str) -> ConstraintResult:
    if kind not in KINDS:
        raise ValueError(f"“{kind}” is not a rule; there are {', '.join(KINDS)}.")
    name = pl.col("activity").cast(pl.String)
    events = log.frame.filter(name.is_in([first, second])).select(
        "case_no", "case", "resource", first=name == first, row=pl.int_range(pl.len())
    )
    cases = events.group_by("case_no", maintain_order=True).agg(
        pl.col("case").first(),
        pl.col("row").filter("first").min().alias("first_row"),
        pl.col("row").filter(~pl.col("first")).min().alias("second_row"),
        pl.col("resource").filter("first").alias("ones"),
        pl.col("resource").filter(~pl.col("first")).alias("others"),
    )
    has_first, has_second = pl.col("first_row").is_not_null(), pl.col("second_row").is_not_null()
    unknown = 0
    if kind == "precedence":
        cases = cases.filter(has_second)
        bad = ~has_first | (pl.col("first_row") > pl.col("second_row"))
    elif kind == "never_both":
        bad = has_first & has_second
    else:
        cases = cases.filter(has_first & has_second)
        both = (
            pl.col("ones")
            .list.drop_nulls()
            .list.set_intersection(pl.col("others").list.drop_nulls())
        )
        bad = both.list.len() > 0
        nameless = pl.col("ones").list.eval(pl.element().is_null()).list.any()
        nameless |= pl.col("others").list.eval(pl.element().is_null()).list.any()
        unknown = cases.filter(nameless & ~bad).height
    violated = cases.filter(bad)
    return ConstraintResult(
        kind=kind,
        first=first,
        second=second,
        applicable=cases.height,
        violated=violated.height,
        unknown=unknown,
        examples=tuple(violated["case"].head(EXAMPLES).to_list()),
    )
