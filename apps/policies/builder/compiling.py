"""A sentence as Cedar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from apps.common.vocabulary import inside
from apps.policies.builder.attributes import Attribute
from apps.policies.builder.sentences import COMPARISONS, Condition, Sentence, Unfinished
from apps.policies.text import formatted


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def compiled(sentence: Sentence, attributes: Mapping[str, Attribute]) -> str:
    """The formatted Cedar rule. Raises Unfinished."""
    if not sentence.rule_id:
        raise Unfinished("rule_id", "Give the rule a short name.")
    if not sentence.reason.strip():
        raise Unfinished("reason", "Say why, for the people it concerns.")
    tests = [
        text
        for condition in sentence.conditions
        for text in test_of(condition, attributes.get(condition.path))
    ]
    marks = [f"@id({quoted(sentence.rule_id)})", f"@reason({quoted(sentence.reason.strip())})"]
    effect, tail = "forbid", ""
    if sentence.then == "ask":
        marks += ask_marks(sentence)
        tail = f" unless {{ context.approvals.contains({quoted(sentence.checkpoint)}) }}"
    elif sentence.then == "oblige":
        if not sentence.obligation.strip():
            raise Unfinished("obligation", "Say what has to be done besides.")
        effect = "permit"
        marks.append(f"@obligation({quoted(sentence.obligation.strip())})")
    when = f" when {{ {' && '.join(tests)} }}" if tests else ""
    head = f"{effect} ({principal_of(sentence.who)}, {action_of(sentence.does)}, resource)"
    return formatted(f"{' '.join(marks)} {head}{when}{tail};")


def ask_marks(sentence: Sentence) -> list[str]:
    if not sentence.checkpoint:
        raise Unfinished("checkpoint", "Choose who is asked.")
    if not 1 <= sentence.people <= 9:
        raise Unfinished("people", "Ask one to nine people.")
    marks = [f"@checkpoint({quoted(sentence.checkpoint)})", f'@approvers("{sentence.people}")']
    if sentence.hours:
        marks.append(f'@within("PT{sentence.hours}H")')
    return marks + ["@sampled"] * sentence.sampled


def principal_of(who: str) -> str:
    kind, _, name = who.partition(":")
    if kind == "agent":
        return f"principal == Agent::{quoted(name)}"
    return f"principal in Role::{quoted(name)}" if kind == "role" else "principal"


def action_of(does: str) -> str:
    kind, _, name = does.partition(":")
    if kind == "tool":
        return f"action == Action::{quoted(name)}"
    return f"action in Action::{quoted(name)}" if kind == "effect" else "action"


def test_of(condition: Condition, attribute: Attribute | None) -> list[str]:
    """The Cedar expressions of one condition; an optional attribute is asked for first."""
    if attribute is None:
        words = inside(condition.path.rpartition(".")[2])
        raise Unfinished(
            "conditions",
            f"Choose an action of which “{words}” is known, or take the condition out.",
        )
    owner, _, name = condition.path.rpartition(".")
    place = "resource" if owner == "resource" else f"context.{owner}"
    if condition.op in ("has", "lacks"):
        known = f"{place} has {name}"
        return [known if condition.op == "has" else f"!({known})"]
    first = [f"{place} has {name}"] if attribute.optional else []
    return [*first, comparison(condition, attribute, f"{place}.{name}")]


def comparison(condition: Condition, attribute: Attribute, place: str) -> str:
    if attribute.kind == "boolean":
        if condition.op not in ("true", "false"):
            raise Unfinished("conditions", f"{attribute.title} is yes or no.")
        return place if condition.op == "true" else f"!{place}"
    if attribute.kind == "time":
        return f"context.now.toTime() {condition.op} {time_of(condition, attribute)}"
    if attribute.kind == "set":
        if condition.op not in ("includes", "excludes"):
            raise Unfinished("conditions", f"{attribute.title} include something, or do not.")
        test = f"{place}.contains({literal(condition.value, attribute)})"
        return test if condition.op == "includes" else f"!{test}"
    if condition.op == "in":
        values = condition.value if isinstance(condition.value, (list, tuple)) else []
        if not values:
            raise Unfinished("conditions", f"Give {attribute.title} some values.")
        return f"[{', '.join(literal(value, attribute) for value in values)}].contains({place})"
    allowed = COMPARISONS if attribute.kind == "integer" else ("==", "!=")
    if condition.op not in allowed:
        raise Unfinished("conditions", f"{attribute.title} cannot be compared like that.")
    return f"{place} {condition.op} {literal(condition.value, attribute)}"


def time_of(condition: Condition, attribute: Attribute) -> str:
    text = str(condition.value)
    if condition.op not in ("<", ">=") or not text.isdecimal() or not 0 <= int(text) <= 24:
        raise Unfinished("conditions", f"{attribute.title}: under or at least an hour, 0 to 24.")
    return f'duration("{int(text)}h")'


def literal(value: Any, attribute: Attribute) -> str:
    if attribute.kind in ("string", "set"):
        if value in (None, ""):
            raise Unfinished("conditions", f"Give {attribute.title} a value.")
        return quoted(str(value))
    try:
        return str(int(str(value)))
    except ValueError:
        raise Unfinished("conditions", f"{attribute.title} is a whole number.") from None
