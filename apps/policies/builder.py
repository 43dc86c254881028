"""Rules as sentences with slots: compiled to Cedar, and read back whenever the text allows.

A rule is read back only if compiling the sentence gives exactly the rule again, so that nothing is
lost in the builder. No database, no clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.common.vocabulary import inside
from apps.policies.analysis.expressions import path_of
from apps.policies.rules import seconds_of
from apps.policies.text import formatted, parsed, pieces
from apps.registry.rules import ToolSpec

COMPARISONS = ("==", "!=", ">", ">=", "<", "<=")
OPERATORS = {
    "==": "is",
    "!=": "is not",
    ">": "is over",
    ">=": "is at least",
    "<": "is under",
    "<=": "is at most",
    "true": "is yes",
    "false": "is no",
    "in": "is one of",
    "includes": "include",
    "excludes": "do not include",
    "has": "is known",
    "lacks": "is not known",
}
EFFECTS = {
    "read": "reads anything",
    "write": "writes anything",
    "irreversible": "does anything that cannot be taken back",
}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HOUR = 3600


@dataclass(frozen=True)
class Condition:
    """`facts.amount` `>` `1000000`; the value as it was typed, a list for `in`."""

    path: str
    op: str
    value: Any = None


@dataclass(frozen=True)
class Sentence:
    """When *who* *does*, and all conditions hold, then *deny*, *ask* people, or allow with an
    obligation (*oblige*)."""

    rule_id: str
    reason: str
    who: str = "any"
    does: str = "any"
    conditions: tuple[Condition, ...] = ()
    then: str = "deny"
    checkpoint: str = ""
    people: int = 1
    hours: int = 0
    sampled: bool = False
    obligation: str = ""


@dataclass(frozen=True)
class Attribute:
    """Something that a condition may look at."""

    path: str
    title: str
    kind: str
    optional: bool = False
    unit: str = ""


GENERAL = (
    Attribute("session.untrusted_read", "has read text from outside", "boolean"),
    Attribute("session.identified", "has identified whom it works for", "boolean"),
    Attribute("session.actions", "actions in this task so far", "integer"),
    Attribute("agent.risk_tier", "risk of the agent", "string"),
    Attribute("agent.environment", "environment of the agent", "string"),
    Attribute("agent.department", "department that answers for the agent", "string", True),
    Attribute("agent.data_classes", "data classes that the agent works with", "set", True),
    Attribute("agent.actions_last_hour", "actions of the agent in the last hour", "integer", True),
    Attribute(
        "agent.actions_last_day", "actions of the agent in the last 24 hours", "integer", True
    ),
    Attribute("process.slug", "process that the action belongs to", "string", True),
    Attribute(
        "process.level",
        "readiness of its process (0 not assessed, 1 not yet, 2 partly, 3 mostly, 4 ready)",
        "integer",
        True,
    ),
    Attribute("resource.data_class", "data class of the tool", "string"),
    Attribute("now.time", "time of day (UTC)", "time"),
)


def attributes_of(specs: Iterable[ToolSpec]) -> list[Attribute]:
    """What rules about these tools may look at. With several tools only what all of them have:
    Cedar refuses a rule that looks at something that one of them lacks."""
    shared: dict[str, Attribute] | None = None
    for spec in specs:
        own = {each.path: each for each in own_attributes(spec)}
        shared = own if shared is None else {
            path: merged(each, own[path])
            for path, each in shared.items()
            if path in own and own[path].kind == each.kind
        }  # fmt: skip
    return [*sorted((shared or {}).values(), key=lambda each: each.path), *GENERAL]


def merged(one: Attribute, other: Attribute) -> Attribute:
    return one if one.optional else Attribute(
        one.path, one.title, one.kind, other.optional, one.unit
    )  # fmt: skip


def own_attributes(spec: ToolSpec) -> list[Attribute]:
    found = []
    for group, schema in (("facts", spec.facts_schema), ("args", spec.input_schema)):
        required = set(schema.get("required", ()))
        for name, child in schema.get("properties", {}).items():
            kind = child.get("type")
            if kind in ("integer", "boolean", "string") and NAME.fullmatch(name):
                title = str(child.get("title") or inside(name))
                words = title if group == "facts" else f"{title} (as the agent says)"
                found.append(
                    Attribute(
                        f"{group}.{name}",
                        words,
                        kind,
                        name not in required,
                        str(child.get("unit", "")),
                    )
                )
    return found


class Unfinished(ValueError):
    """A slot is empty or wrong; `slot` names it."""

    def __init__(self, slot: str, sentence: str) -> None:
        super().__init__(sentence)
        self.slot = slot


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


def read_back(text: str, attributes: Mapping[str, Attribute]) -> Sentence | None:
    """The sentence of one rule's text; None when the builder could not have written it."""
    try:
        source = parsed(text)
        found = sentence_of(source)
        if found is not None and parsed(compiled(found, attributes)) == source:
            return found
    except (Unfinished, ValueError, KeyError, TypeError):
        return None
    return None


def sentence_of(source: Mapping[str, Any]) -> Sentence | None:
    notes = source.get("annotations", {})
    checkpoint = notes.get("checkpoint", "")
    conditions: tuple[Condition, ...] = ()
    for part in source.get("conditions", ()):
        if part["kind"] == "when":
            conditions = tuple(joined(list(atoms_of(part["body"]))))
    then = "ask" if checkpoint else "deny"
    if source["effect"] == "permit":
        then = "oblige"
    seconds = seconds_of(notes["within"]) if "within" in notes else 0
    return Sentence(
        rule_id=notes.get("id", ""),
        reason=notes.get("reason", ""),
        who=slot_of(source["principal"], {"Agent": "agent", "Role": "role"}),
        does=action_slot(source["action"]),
        conditions=conditions,
        then=then,
        checkpoint=checkpoint,
        people=int(notes.get("approvers", "1")),
        hours=(seconds or 0) // HOUR,
        sampled="sampled" in notes,
        obligation=notes.get("obligation", ""),
    )


def slot_of(constraint: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    if constraint["op"] == "All":
        return "any"
    entity = constraint["entity"]
    return f"{kinds[entity['type']]}:{entity['id']}"


def action_slot(constraint: Mapping[str, Any]) -> str:
    if constraint["op"] == "All":
        return "any"
    kind = "tool" if constraint["op"] == "==" else "effect"
    return f"{kind}:{constraint['entity']['id']}"


def atoms_of(node: Mapping[str, Any]) -> Iterable[Condition]:
    (op, body), *_ = node.items()
    if op == "&&":
        yield from atoms_of(body["left"])
        yield from atoms_of(body["right"])
    elif op in COMPARISONS:
        yield compared(op, body)
    elif op == "has":
        yield Condition(f"{path_of(body['left'])}.{body['attr']}", "has")
    elif op == "!" and "has" in body["arg"]:
        inner = body["arg"]["has"]
        yield Condition(f"{path_of(inner['left'])}.{inner['attr']}", "lacks")
    elif op == "!" and "contains" in body["arg"]:
        inner = body["arg"]["contains"]
        yield Condition(path_of(inner["left"]), "excludes", inner["right"]["Value"])
    elif op == "!":
        yield Condition(path_of(body["arg"]), "false")
    elif op == "contains" and "Set" not in body["left"]:
        yield Condition(path_of(body["left"]), "includes", body["right"]["Value"])
    elif op == "contains":
        values = [item["Value"] for item in body["left"]["Set"]]
        yield Condition(path_of(body["right"]), "in", values)
    else:
        yield Condition(path_of(node), "true")


def compared(op: str, body: Mapping[str, Any]) -> Condition:
    path = path_of(body["left"])
    if path == "now.time":
        return Condition(path, op, body["right"]["duration"][0]["Value"].removesuffix("h"))
    return Condition(path, op, body["right"]["Value"])


def joined(atoms: Sequence[Condition]) -> Iterable[Condition]:
    """`has x` directly before a condition on x belongs to it."""
    for index, atom in enumerate(atoms):
        following = atoms[index + 1] if index + 1 < len(atoms) else None
        if atom.op == "has" and following is not None and following.path == atom.path:
            continue
        yield atom


def placed(text: str, rule: str, rule_id: str) -> str:
    """The policy's text with the rule in the place of the one with its id, or at the end."""
    parts = [part.text for part in pieces(text)]
    for index, part in enumerate(parts):
        if parsed(part).get("annotations", {}).get("id") == rule_id:
            parts[index] = rule.strip()
            return "\n\n".join(parts) + "\n"
    return "\n\n".join([*parts, rule.strip()]) + "\n"


def rule_named(text: str, rule_id: str) -> tuple[str, str] | None:
    """(text of the rule, its action slot), so that the caller knows which attributes it may look
    at; None where there is no such rule, or its action is no slot."""
    for part in pieces(text):
        source = parsed(part.text)
        if source.get("annotations", {}).get("id") == rule_id:
            try:
                return part.text, action_slot(source["action"])
            except KeyError:
                return None
    return None


def without(text: str, rule_id: str) -> str:
    """The policy's text without a rule."""
    parts = [part.text for part in pieces(text)]
    kept = [part for part in parts if parsed(part).get("annotations", {}).get("id") != rule_id]
    return "\n\n".join(kept) + "\n"


TEMPLATES: dict[str, tuple[str, Sentence]] = {
    "amount-limit": (
        "Amounts over a limit need a person",
        Sentence(
            "amount-limit", "Amounts over the limit need a person.",
            conditions=(Condition("facts.amount", ">", 1_000_000),), then="ask", hours=4,
        ),
    ),
    "new-payee": (
        "A new payee needs a person",
        Sentence(
            "new-payee", "The payee has been known for less than 30 days.",
            conditions=(Condition("facts.supplier_known_days", "<", 30),), then="ask", hours=4,
        ),
    ),
    "bank-details": (
        "Changed bank details need two people",
        Sentence(
            "bank-details", "The account was changed within the last 30 days.",
            conditions=(Condition("facts.account_known_days", "<", 30),), then="ask", people=2,
            hours=4,
        ),
    ),
    "data-class": (
        "Personal data stays in its department",
        Sentence(
            "data-class", "Personal data is for the agents of its own department.",
            conditions=(
                Condition("resource.data_class", "==", "personal"),
                Condition("agent.department", "!=", "people"),
            ),
        ),
    ),
    "deletion": (
        "Nothing irreversible without a person",
        Sentence(
            "deletion", "What cannot be taken back needs a person.", does="effect:irreversible",
            then="ask", hours=4,
        ),
    ),
    "out-of-hours": (
        "Nothing at night",
        Sentence(
            "out-of-hours", "Agents do not write before 6 o'clock (UTC).", does="effect:write",
            conditions=(Condition("now.time", "<", "6"),),
        ),
    ),
    "rate": (
        "A limit per agent and hour",
        Sentence(
            "rate", "More than 100 actions of one agent in an hour need a look.",
            conditions=(Condition("agent.actions_last_hour", ">=", 100),), then="ask", hours=4,
        ),
    ),
    "irreversible": (
        "Irreversible needs two people",
        Sentence(
            "irreversible", "What cannot be taken back needs two people.",
            does="effect:irreversible", then="ask", people=2, hours=4,
        ),
    ),
}  # fmt: skip
