"""The protocol that a connector speaks, and the shelf on which pilots put theirs.

Putting a connector on the shelf is open to every app above; taking one off it is the gate's alone
(`runtime.connectors`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from apps.registry.rules import ToolSpec, held_keys, pin_of


@dataclass(frozen=True)
class Call:
    """One effect to perform; `idem_key` goes with it wherever the connector sends it. `fences` are
    the numbers under which the call holds its resources: each is higher than any before it, so a
    system that remembers the highest can refuse a late writer."""

    tool: str
    arguments: Mapping[str, Any]
    facts: Mapping[str, Any]
    idem_key: str
    agent_label: str
    action_id: uuid.UUID
    fences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Effected:
    """What was done: the answer for the agent, and the fields touched before and after."""

    result: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Preview:
    """What would happen, for the person who decides; `url` is the page of the record touched."""

    sentence: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    reversible: bool = False
    reversible_until: dt.datetime | None = None
    url: str = ""


class Unavailable(Exception):
    """The system does not answer now; trying again may help."""

    def __init__(self, sentence: str, retry_after: float = 1.0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after


class Rejected(Exception):
    """The system refuses for good; trying again will not help."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Moved(Exception):
    """An undo is refused: the current value is no longer what was written."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Connector(Protocol):
    """A system that agents work in. `transactional` connectors write to our own database, inside
    the gate's transaction; the others are called between two transactions."""

    name: str
    tools: tuple[ToolSpec, ...]
    transactional: bool

    def source(self, tool: str) -> str: ...

    def facts(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]: ...

    def preview(self, tool: str, arguments: Mapping[str, Any]) -> Preview: ...

    def perform(self, call: Call) -> Effected: ...

    def undo(self, call: Call, before: Mapping[str, Any], after: Mapping[str, Any]) -> None: ...

    def lookup(self, idem_key: str) -> Effected | None: ...


SHELF: dict[str, Connector] = {}
PINS: dict[str, str] = {}
SPECS: dict[str, ToolSpec] = {}


def register(connector: Connector) -> None:
    """Puts every tool of the connector on the shelf; the same name twice is a mistake in code."""
    for spec in connector.tools:
        holder = SHELF.get(spec.name)
        if holder is not None and type(holder) is not type(connector):
            raise ValueError(f"The tool {spec.name} is offered by {holder.name} already.")
        SHELF[spec.name] = connector
        PINS[spec.name] = pin_of(spec)
        SPECS[spec.name] = spec


def holds_resources(tool: str) -> bool:
    return tool in SPECS and bool(SPECS[tool].resource_keys)


def only_reads(tool: str) -> bool:
    return tool in SPECS and SPECS[tool].effect == "read"


def counted(tool: str) -> set[str]:
    """The fields that the tool counts up or down rather than sets: its facts say `"counted":
    true`. Two agents who count do not contradict each other."""
    facts = SPECS[tool].facts_schema.get("properties", {}) if tool in SPECS else {}
    return {name for name, fact in facts.items() if fact.get("counted")}


def resources_of(tool: str, arguments: Mapping[str, Any]) -> dict[str, bool]:
    """The keys of what a call touches, each with whether it is held alone. From memory: tools
    without resource keys cost nothing."""
    spec = SPECS.get(tool)
    return held_keys(spec, arguments) if spec is not None and spec.resource_keys else {}
