"""What conditions may look at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from apps.common.vocabulary import inside
from apps.registry.rules import ToolSpec

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
