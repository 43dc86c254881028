"""What a tool is, what a key looks like, and what a grant covers. No database, no clock."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from apps.common.canonical import digest

KEY = re.compile(r"agk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
TOOL_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True)
class ToolSpec:
    """A tool as its maker describes it; the registry pins it to the letter."""

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    facts_schema: Mapping[str, Any] = field(default_factory=dict)
    effect: str = "read"
    data_class: str = "internal"
    resource_keys: tuple[str, ...] = ()
    compensation: str = ""
    executor: str = "connector"
    idempotent: bool = False


def spec_problems(spec: ToolSpec) -> dict[str, list[str]]:
    """What is wrong with a description, by field; {} when it can be registered."""
    found: dict[str, list[str]] = {}
    for name in ("input_schema", "output_schema", "facts_schema"):
        schema = getattr(spec, name)
        if schema and schema.get("type") != "object":
            found[name] = ['A schema describes one record: {"type": "object", …}.']
    arguments = spec.input_schema.get("properties", {})
    for name, fact in spec.facts_schema.get("properties", {}).items():
        asked = fact.get("in_list")
        if asked and fact.get("argument") not in arguments:
            found["facts_schema"] = [f"The fact {name} looks at an argument that is not there."]
        if asked and fact.get("type") != "boolean":
            found["facts_schema"] = [f"The fact {name} is a boolean: on the list or not."]
    unknown = {place for key in spec.resource_keys for place in PLACE.findall(key)} - set(arguments)
    if unknown:
        found["resource_keys"] = [f"There is no argument {sorted(unknown)[0]}."]
    return found


def resource(key: str, arguments: Mapping[str, Any]) -> str:
    """The record that a resource key names for these arguments: supplier:{number} → supplier:V1."""
    return PLACE.sub(lambda place: str(arguments.get(place[1], "")), key)


def lists_asked(facts_schema: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The facts that ask for a reference list: fact → (list, argument)."""
    return {
        name: (fact["in_list"], fact.get("argument", ""))
        for name, fact in facts_schema.get("properties", {}).items()
        if "in_list" in fact
    }


PINNED = (
    "name",
    "description",
    "input_schema",
    "output_schema",
    "facts_schema",
    "effect",
    "data_class",
    "resource_keys",
    "compensation",
    "executor",
    "idempotent",
)


def pin_of(spec: ToolSpec) -> str:
    """The digest over everything that makes a tool what it is (runtime.md 1.6)."""
    values = asdict(spec)
    return digest({name: values[name] for name in PINNED})


SHARED = "?shared"


def held_keys(spec: ToolSpec, arguments: Mapping[str, Any]) -> dict[str, bool]:
    """`supplier:{supplier}` with the arguments filled in, and whether the call holds it alone. A
    tool that only reads shares what it touches; one that writes holds it alone, but for keys that
    end in `?shared`. A key that lacks an argument is left out."""
    keys: dict[str, bool] = {}
    for template in spec.resource_keys:
        plain = template.removesuffix(SHARED)
        names = PLACE.findall(plain)
        if any(arguments.get(name) in (None, "") for name in names):
            continue
        key = PLACE.sub(lambda found: str(arguments[found.group(1)]), plain)[:LONGEST_KEY]
        alone = spec.effect != "read" and plain == template
        keys[key] = alone or keys.get(key, False)
    return dict(sorted(keys.items()))


LONGEST_KEY = 200


def new_key() -> tuple[str, str]:
    """(prefix, whole key text). The secret has 256 bits and is shown once."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    prefix = "".join(secrets.choice(alphabet) for _ in range(12))
    return prefix, f"agk_{prefix}_{secrets.token_urlsafe(32)}"


def prefix_of(key: str) -> str | None:
    """The public part of a key text; None for anything that is not one of our keys."""
    found = KEY.fullmatch(key)
    return found.group(1) if found else None


OPERATORS = frozenset({"in", "max", "min"})


def scope_problem(scope: Any) -> str:
    """One sentence about a scope that is not `{argument: {"in": [...]} | {"max": n} | …}`; ""
    when it is one. An empty scope covers the whole tool."""
    if not isinstance(scope, Mapping):
        return "A scope is an object of conditions by argument."
    for name, conditions in scope.items():
        if not isinstance(conditions, Mapping) or not conditions:
            return f'The condition on {name} is an object such as {{"max": 1000}}.'
        for operator, value in conditions.items():
            if operator not in OPERATORS:
                return f"{operator} is not a condition; use in, max or min."
            if operator == "in" and not is_plain_list(value):
                return f"The values allowed for {name} are a list of words or whole numbers."
            if operator != "in" and (not isinstance(value, int) or isinstance(value, bool)):
                return f"The limit on {name} is a whole number."
    return ""


def is_plain_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, (str, int)) and not isinstance(item, bool) for item in value)
    )
