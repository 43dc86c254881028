"""A policy's packet in words, for those who vote: what it says, what is new in it, what it would
have done. Pure: it reads the packet alone, so that what members read is what was hashed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.policies.rules import Rule
from apps.policies.text import Compiled, compile_text


@dataclass(frozen=True)
class Line:
    """One rule; `mark` is new, changed, removed or "" for one that stays as it is."""

    rule: Rule
    mark: str


def lines_of(packet: Mapping[str, Any]) -> list[Line]:
    """The rules of the text, new and changed ones first, then those that go, then the rest."""
    base = packet.get("base") or {}
    before = {each.rule.rule_id: each for each in read(base.get("text", ""), packet)}
    after = {each.rule.rule_id: each for each in read(packet["text"], packet)}
    lines = [Line(each.rule, mark_of(each, before)) for each in after.values()]
    gone = [Line(each.rule, "removed") for key, each in before.items() if key not in after]
    if not before:
        return [Line(line.rule, "new") for line in lines]
    order = {"new": 0, "changed": 0, "removed": 1, "": 2}
    return sorted([*lines, *gone], key=lambda line: order[line.mark])


def read(text: str, packet: Mapping[str, Any]) -> list[Compiled]:
    """Nothing for a text that can no longer be read; the Cedar text below is shown either way."""
    try:
        return compile_text(text, policy=str(packet["policy"]), version=int(packet["number"]))
    except ValueError:
        return []


def mark_of(rule: Compiled, before: Mapping[str, Compiled]) -> str:
    former = before.get(rule.rule.rule_id)
    if former is None:
        return "new"
    return "" if former.source == rule.source else "changed"


@dataclass(frozen=True)
class Short:
    """The effect in numbers: kinds of action by direction, recorded actions that would have been
    decided otherwise, hours of review, tests."""

    looser: int
    stricter: int
    other: int
    flips: int | None
    done: int
    hours: float
    blocking: int
    tests: int
    passed: int


def in_short(packet: Mapping[str, Any]) -> Short:
    steps = [change["step"] for change in packet["analysis"].get("changes", [])]
    backtest = packet.get("backtest")
    summary = backtest["summary"] if backtest else {}
    cases = packet.get("cases", [])
    return Short(
        looser=sum(step < 0 for step in steps),
        stricter=sum(step > 0 for step in steps),
        other=sum(step == 0 for step in steps),
        flips=sum(summary.get("pairs", {}).values()) if backtest else None,
        done=backtest["done"] if backtest else 0,
        hours=float(backtest["hours"]) if backtest else 0.0,
        blocking=backtest["blocking"] if backtest else 0,
        tests=len(cases),
        passed=sum(bool(case["ok"]) for case in cases),
    )
