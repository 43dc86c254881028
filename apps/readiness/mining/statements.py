"""What people may state about tables and decisions, and whether a statement is whole. Light: pages
ask before anything is uploaded, and `quality` and `replays` carry out what passed here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

CHECKS = {
    "complete": "completeness",
    "one_of": "validity",
    "pattern": "validity",
    "range": "validity",
    "unique": "uniqueness",
    "not_before": "consistency",
    "sum_of": "consistency",
    "given_with": "consistency",
    "fresh": "timeliness",
}
# What a check needs besides its field.
NEEDED = {
    "one_of": ("values",),
    "pattern": ("pattern",),
    "not_before": ("other",),
    "given_with": ("other",),
    "sum_of": ("fields",),
    "fresh": ("days",),
}
LISTS = ("values", "fields")
NUMBERS = ("least", "most", "days", "tolerance")
TESTS = ("equals", "not_equals", "one_of", "over", "at_least", "under", "at_most")
COMPARED = ("over", "at_least", "under", "at_most")


def rule_problem(rule: Any) -> str:
    """Why a rule of a table (see `quality`) cannot be used, in a sentence; "" when it can."""
    if not isinstance(rule, Mapping) or rule.get("check") not in CHECKS:
        return f"“check” is one of {', '.join(CHECKS)}."
    check = str(rule["check"])
    several = check == "unique" and isinstance(rule.get("fields"), Sequence)
    if not (isinstance(rule.get("field"), str) and rule["field"]) and not several:
        return "Say which “field”."
    for name in NEEDED.get(check, ()):
        if not rule.get(name):
            return f"“{check}” needs “{name}”."
    if check == "range" and "least" not in rule and "most" not in rule:
        return "“range” needs “least”, “most” or both."
    return value_problem(rule)


def value_problem(rule: Mapping[str, Any]) -> str:
    for name in LISTS:
        if name in rule and (isinstance(rule[name], str) or not isinstance(rule[name], Sequence)):
            return f"“{name}” is a list."
    for name in NUMBERS:
        if name in rule and not is_number(rule[name]):
            return f"“{name}” is a number."
    try:
        re.compile(str(rule.get("pattern", "")))
    except re.error as error:
        return f"The pattern cannot be read: {error}."
    return ""


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def decision_problem(body: Mapping[str, Any]) -> str:
    """Why a decision rule (see `replays`) cannot be used; "" when it can."""
    if not all(isinstance(body.get(name), str) and body[name] for name in DECIDED):
        return "Say after which step, what comes, and what comes otherwise."
    if body["then"] == body["otherwise"]:
        return "What comes and what comes otherwise are the same step."
    conditions = body.get("when")
    if not isinstance(conditions, Sequence) or isinstance(conditions, str) or not conditions:
        return "Say when: a field, a test and a value."
    return next((found for each in conditions if (found := condition_problem(each))), "")


DECIDED = ("at", "then", "otherwise")


def condition_problem(condition: Any) -> str:
    if not isinstance(condition, Mapping) or not condition.get("field"):
        return "Say when: a field, a test and a value."
    test, value = condition.get("test"), condition.get("value")
    if test not in TESTS:
        return f"A test is one of {', '.join(TESTS)}."
    if test in COMPARED and not is_number(value):
        return f"“{test}” compares with a number."
    if test == "one_of" and (not isinstance(value, Sequence) or isinstance(value, str)):
        return "“one_of” compares with a list."
    if isinstance(value, float) and not math.isfinite(value):
        return "The value is no number that one can compare with."
    return "" if value not in (None, "", []) else "Say when: a field, a test and a value."
