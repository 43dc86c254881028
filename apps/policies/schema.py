"""The Cedar schema of a tool, made from its JSON schemas, and values in Cedar's JSON form.

An attribute that Cedar cannot express (free-form objects, unions of types) is left out of both:
rules cannot look at it, and the text says so when one tries.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import cedarpy

from apps.registry.rules import ToolSpec

CedarType = dict[str, Any]
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
DECIMAL_PLACES = decimal.Decimal("0.0001")
EFFECTS = ("read", "write", "irreversible")
SIMPLE: dict[str, CedarType] = {
    "integer": {"type": "Long"},
    "string": {"type": "String"},
    "boolean": {"type": "Boolean"},
    "number": {"type": "Extension", "name": "decimal"},
}
MOMENT: CedarType = {"type": "Extension", "name": "datetime"}
STRING: CedarType = {"type": "String"}
# A moment as canonical JSON has it; Cedar takes the milliseconds of it.
RECORDED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Unrepresentable(ValueError):
    """A value that Cedar cannot hold; the request that carries it is refused."""


def type_of(schema: Mapping[str, Any]) -> tuple[CedarType | None, bool]:
    """The Cedar type of a JSON schema (None: not expressible) and whether it may be null."""
    kinds, nullable = kinds_of(schema)
    if len(kinds) != 1:
        return None, nullable
    kind = kinds[0]
    if kind.get("type") == "string" and kind.get("format") == "date-time":
        return MOMENT, nullable
    if kind.get("type") in SIMPLE:
        return SIMPLE[kind["type"]], nullable
    if kind.get("type") == "array":
        element, _ = type_of(kind.get("items", {}))
        return ({"type": "Set", "element": element} if element else None), nullable
    if "properties" in kind:
        return record_of(kind), nullable
    return None, nullable


def kinds_of(schema: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
    options: list[Mapping[str, Any]] = list(schema.get("anyOf") or schema.get("oneOf") or [schema])
    named = schema.get("type")
    if isinstance(named, list):
        options = [{**schema, "type": name} for name in named]
    kinds = [option for option in options if option.get("type") != "null"]
    return kinds, len(kinds) < len(options)


def record_of(schema: Mapping[str, Any]) -> CedarType:
    required = set(schema.get("required", ()))
    attributes: dict[str, CedarType] = {}
    for name, child in schema.get("properties", {}).items():
        found, nullable = type_of(child)
        if found is not None:
            attributes[name] = {**found, "required": name in required and not nullable}
    return {"type": "Record", "attributes": attributes}


def flag(kind: CedarType = STRING, *, required: bool = True) -> CedarType:
    return {**kind, "required": required}


def context_type(spec: ToolSpec) -> CedarType:
    long, boolean = SIMPLE["integer"], SIMPLE["boolean"]
    session = {
        "identified": flag(boolean),
        "untrusted_read": flag(boolean),
        "actions": flag(long),
    }
    agent = {
        "slug": flag(),
        "version": flag(long),
        "risk_tier": flag(),
        "environment": flag(),
        # Optional: what was recorded before they were known has none; the counts are there while
        # a rule reads them.
        "department": flag(required=False),
        "data_classes": flag({"type": "Set", "element": STRING}, required=False),
        "actions_last_hour": flag(long, required=False),
        "actions_last_day": flag(long, required=False),
    }
    # Empty for an action that belongs to no process (`context_converter`).
    process = {"slug": flag(required=False), "level": flag(long, required=False)}
    return {
        "type": "Record",
        "attributes": {
            "args": flag(record_of(spec.input_schema)),
            "facts": flag(record_of(spec.facts_schema)),
            "session": flag({"type": "Record", "attributes": session}),
            "agent": flag({"type": "Record", "attributes": agent}),
            "process": flag({"type": "Record", "attributes": process}),
            "approvals": flag({"type": "Set", "element": STRING}),
            "now": flag(MOMENT),
            "on_behalf_of": flag(required=False),
        },
    }


def schema_json(specs: Iterable[ToolSpec]) -> dict[str, Any]:
    actions: dict[str, Any] = {effect: {} for effect in EFFECTS}
    actions["write"] = {}
    for spec in specs:
        actions[spec.name] = {
            "memberOf": [{"id": spec.effect}],
            "appliesTo": {
                "principalTypes": ["Agent"],
                "resourceTypes": ["Tool"],
                "context": context_type(spec),
            },
        }
    tool = {"effect": flag(), "data_class": flag()}
    return {
        "": {
            "entityTypes": {
                "Role": {},
                "Agent": {"memberOfTypes": ["Role"]},
                "Tool": {"shape": {"type": "Record", "attributes": tool}},
            },
            "actions": actions,
        }
    }


def schema_of(specs: Iterable[ToolSpec]) -> cedarpy.Schema:
    return cedarpy.Schema.from_json_str(json.dumps(schema_json(specs)))


def entities_of(spec: ToolSpec, agent: str, roles: Iterable[str]) -> cedarpy.Entities:
    names = sorted(roles)
    rows: list[dict[str, Any]] = [entity("Role", name) for name in names]
    rows.append(entity("Agent", agent, parents=[("Role", name) for name in names]))
    rows += [entity("Action", effect) for effect in EFFECTS]
    rows.append(entity("Action", spec.name, parents=[("Action", spec.effect)]))
    attributes = {"effect": spec.effect, "data_class": spec.data_class}
    rows.append(entity("Tool", spec.name, attributes=attributes))
    return cedarpy.Entities.from_json_str(json.dumps(rows))


def entity(
    kind: str,
    name: str,
    *,
    parents: Iterable[tuple[str, str]] = (),
    attributes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    above = [{"type": parent_kind, "id": parent} for parent_kind, parent in parents]
    return {"uid": {"type": kind, "id": name}, "attrs": dict(attributes or {}), "parents": above}


Convert = Callable[[Any], Any]


def converter(kind: CedarType) -> Convert:
    """Turns values into Cedar's JSON form. A value of the wrong kind is passed on as it is, for
    Cedar to refuse; one that Cedar cannot hold raises Unrepresentable. Made once per slice, because
    every action and every replayed request passes it."""
    name = kind["type"]
    if name == "Record":
        return record_converter(kind)
    if name == "Set":
        element = converter(kind["element"])
        return lambda value: (
            [element(item) for item in value] if isinstance(value, (list, tuple)) else held(value)
        )
    if name == "Extension":
        return partial(extension_value, kind["name"])
    return held


def context_converter(spec: ToolSpec) -> Convert:
    """The same for a whole context. One that names no process, or was recorded before there were
    any, has an empty one, so that a rule need only ask for what it reads."""
    convert = converter(context_type(spec))
    return lambda context: convert({"process": {}, **context})


def record_converter(kind: CedarType) -> Convert:
    parts = {name: converter(child) for name, child in kind["attributes"].items()}

    def convert(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return held(value)
        return {
            name: parts[name](item)
            for name, item in value.items()
            if item is not None and name in parts
        }

    return convert


def held(value: Any) -> Any:
    if isinstance(value, int) and not LONG_MIN <= value <= LONG_MAX:
        raise Unrepresentable("A number is too large to be judged.")
    return value


def extension_value(name: str, value: Any) -> dict[str, Any]:
    argument = decimal_text(value) if name == "decimal" else moment_text(value)
    return {"__extn": {"fn": name, "arg": argument}}


def decimal_text(value: Any) -> str:
    if isinstance(value, bool):
        raise Unrepresentable("A truth value is not a number.")
    try:
        number = decimal.Decimal(str(value))
        exact = number.quantize(DECIMAL_PLACES)
    except decimal.InvalidOperation as error:
        raise Unrepresentable(f"{value} cannot be judged as a decimal number.") from error
    if exact != number or abs(exact) > decimal.Decimal(LONG_MAX).scaleb(-4):
        raise Unrepresentable(f"{value} has more digits than can be judged.")
    return str(exact)


def moment_text(value: Any) -> str:
    if isinstance(value, str) and RECORDED.fullmatch(value):
        return f"{value[:23]}Z"
    moment = value if isinstance(value, dt.datetime) else moment_from(value)
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def moment_from(value: Any) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Unrepresentable(f"{value} is not a moment.") from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
