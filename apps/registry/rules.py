"""What a tool is, what a key looks like, and what a grant covers. No database, no clock."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Container, Mapping
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


class BadScope(ValueError):
    """A line of a scope that cannot be read, in words for whoever wrote it."""


CONDITION = re.compile(r"(\S+)\s+(at most|at least|one of)\s+(.+)")
WORDS_OF = {"at most": "max", "at least": "min", "one of": "in"}


def scope_from(text: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """A scope from lines such as `amount at most 1000`. With the tool's input schema, arguments
    that it does not have, or that cannot be compared so, are told. Raises BadScope."""
    scope: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = CONDITION.fullmatch(line.strip())
        if found is None:
            raise BadScope(
                f"Line {number}: write an argument, then at most, at least or one of, then the "
                "value; for example: amount at most 1000."
            )
        name, words, value = found.groups()
        conditions = scope.setdefault(name, {})
        if WORDS_OF[words] in conditions:
            raise BadScope(f"Line {number}: {name} {words} is there twice.")
        try:
            conditions[WORDS_OF[words]] = scope_value(name, words, value, schema)
        except BadScope as error:
            raise BadScope(f"Line {number}: {error}") from None
    return scope


def scope_value(name: str, words: str, value: str, schema: Mapping[str, Any] | None) -> Any:
    known = schema.get("properties", {}) if schema is not None else {}
    if schema is not None and name not in known:
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise BadScope(f"the tool has no argument {name}; {has}.")
    kind = known.get(name, {}).get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    if words != "one of":
        if kind not in (None, "integer"):
            raise BadScope(f"{name} is no whole number; use one of.")
        return whole(name, value)
    values = [part.strip() for part in value.split(",") if part.strip()]
    if not values or kind not in (None, "integer", "string"):
        raise BadScope(f"{name} takes words or whole numbers, with commas between them.")
    return [whole(name, part) for part in values] if kind == "integer" else values


def whole(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BadScope(f"{name} is compared with a whole number, not with {value}.") from None


def is_plain_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, (str, int)) and not isinstance(item, bool) for item in value)
    )


@dataclass(frozen=True)
class Bar:
    """A barrier as the gate sees it; an empty place matches everything."""

    number: int
    by: str
    measure: str
    expires_at: dt.datetime
    agent_id: int | None = None
    tool: str = ""
    workflow: str = ""
    person: str = ""
    policy: str = ""
    checkpoint: str = ""
    reason: str = ""

    def stands(self, moment: dt.datetime) -> bool:
        return moment < self.expires_at

    def concerns(self, *, agent_id: int, tool: str, workflow: str, people: Container[str]) -> bool:
        """Whether every place that it names matches. `people` are those on whose behalf the call
        is made, by key or name. One that names a policy is looked at when that policy has allowed
        something."""
        named = ((self.agent_id, agent_id), (self.tool, tool), (self.workflow, workflow))
        if self.person and self.person not in people:
            return False
        return all(not wanted or wanted == found for wanted, found in named)
