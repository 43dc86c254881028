"""What a workflow is to the engine: a pure function from what happened to what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from apps.orchestration.states import ENDED_STEPS


@dataclass(frozen=True)
class StepSpec:
    """One unit of work: which agent calls which tool. An argument may be `{"$from": "step.path"}`:
    it is filled in from the result of a finished step. `after` names steps that must have
    succeeded first (those that arguments point at are meant as well); where one of them ends
    otherwise, this one is skipped. `tokens` is what a model used up to come to this step."""

    key: str
    agent: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    purpose: str = ""
    max_attempts: int = 5
    after: tuple[str, ...] = ()
    tokens: int = 0


@dataclass(frozen=True)
class Finish:
    """The end of a run, in a word for the page and a sentence for people. A failed run may ask for
    what it did to be undone at once; otherwise that is offered to people."""

    outcome: str
    sentence: str
    failed: bool = False
    undo: bool = False


@dataclass(frozen=True)
class StepView:
    """What a definition may know of a step; `note` is the approver's instruction, if any, and
    `code` says why a step was skipped."""

    status: str
    result: Mapping[str, Any]
    error: str
    note: str
    code: str = ""


@dataclass(frozen=True)
class RunState:
    trigger: Mapping[str, Any]
    steps: Mapping[str, StepView]

    def done(self, key: str) -> bool:
        return key in self.steps and self.steps[key].status == "succeeded"

    def ended(self, key: str) -> bool:
        return key in self.steps and self.steps[key].status in ENDED

    def result(self, key: str) -> Mapping[str, Any]:
        return self.steps[key].result if key in self.steps else {}


ENDED = frozenset(ENDED_STEPS)


class Definition(Protocol):
    """A workflow. `next` is called after every change and must be pure: the same state gives the
    same answer. A list names steps that should exist (those that do are left alone)."""

    slug: str
    title: str
    version: int

    def next(self, state: RunState) -> Sequence[StepSpec] | Finish: ...


DEFINITIONS: dict[str, Definition] = {}


def register(definition: Definition) -> None:
    DEFINITIONS[definition.slug] = definition


class Unresolved(Exception):
    """An argument points at something that no finished step has."""


def resolve(value: Any, results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Fills every `{"$from": "step.path"}` of a value from the results of finished steps."""
    if isinstance(value, Mapping):
        if set(value) == {"$from"}:
            return follow(str(value["$from"]), results)
        return {key: resolve(item, results) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, results) for item in value]
    return value


def pointed_at(value: Any) -> set[str]:
    """The keys of the steps that a value's `{"$from": …}` point at."""
    if isinstance(value, Mapping):
        if set(value) == {"$from"}:
            return {str(value["$from"]).split(".")[0]}
        return set().union(*(pointed_at(item) for item in value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*(pointed_at(item) for item in value))
    return set()


def follow(path: str, results: Mapping[str, Mapping[str, Any]]) -> Any:
    step, *names = path.split(".")
    found: Any = results.get(step)
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    if found is None:
        raise Unresolved(f"The step needs {path}, which no finished step has.")
    return found
