"""A documented decision rule, replayed on what people did."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

import polars as pl

from apps.readiness.mining.occurrences import table
from apps.readiness.mining.results import EventLog, Replay
from apps.readiness.mining.shares import wilson
from apps.readiness.mining.statements import decision_problem

EXAMPLES = 20


def replay(log: EventLog, rule: Mapping[str, Any]) -> Replay:
    """The rule: {"at": activity, "when": [{"field", "test", "value"}, …], "then": activity,
    "otherwise": activity}. All conditions must hold. It applies where every field is known and the
    next activity is one of the two; the answer is the share that agrees, with Wilson's bound."""
    if problem := decision_problem(rule):
        raise ValueError(problem)
    source = table(log)
    if rule["at"] not in source.names:
        raise ValueError(f"The log knows no activity “{rule['at']}”.")
    held = pl.lit(True)
    known = pl.lit(True)
    for condition in rule["when"]:
        field = condition["field"]
        if field not in source.frame.columns:
            raise ValueError(f"The log knows no field “{field}”.")
        held &= holds(pl.col(field), condition["test"], condition["value"])
        known &= pl.col(field).is_not_null()
    following = pl.col("next").replace_strict(dict(enumerate(source.names)), return_dtype=pl.String)
    rows = source.frame.filter(
        (pl.col("code") == source.names.index(rule["at"])) & known
    ).with_columns(following=following, held=held)
    rows = rows.filter(pl.col("following").is_in([rule["then"], rule["otherwise"]]))
    wanted = pl.when("held").then(pl.lit(rule["then"])).otherwise(pl.lit(rule["otherwise"]))
    rows = rows.with_columns(agreed=wanted == pl.col("following"))
    agreed = int(rows["agreed"].sum())
    low, high = wilson(agreed, rows.height)
    broken = rows.filter(~pl.col("agreed"))["case_no"].unique(maintain_order=True).head(EXAMPLES)
    cases = log.frame.filter(pl.col("case_no").is_in(broken.to_list()))["case"]
    return Replay(
        activity=rule["at"],
        applicable=rows.height,
        agreed=agreed,
        share=agreed / rows.height if rows.height else 0.0,
        low=low,
        high=high,
        disagreements=tuple(cases.unique(maintain_order=True).to_list()),
    )


def holds(column: pl.Expr, test: str, value: Any) -> pl.Expr:
    operators: dict[str, Callable[[Any, Any], Any]] = {
        "equals": operator.eq,
        "not_equals": operator.ne,
        "over": operator.gt,
        "at_least": operator.ge,
        "under": operator.lt,
        "at_most": operator.le,
    }
    if test == "one_of":
        return column.is_in(list(value))
    return cast(pl.Expr, operators[test](column, pl.lit(value)))
