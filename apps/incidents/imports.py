"""Recorded runs of agents elsewhere, out of a file: JSON, or JSON by lines. No database.

Each run is an object: `steps` (a list of {"tool", "args" or "arguments", "result"}; a step without
a tool is what the agent said, in "text" or "raw"), and, as far as known, `id` or `name`, `agent` or
`profile`, `request`, `unsafe` or `harmful` (true, false, 1, 0 or null: what people said of it) and
`note` or `risk_description`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 20_000_000
MOST_RUNS = 5_000
MOST_STEPS = 500
LONGEST = 20_000
SHOWN = 10


@dataclass(frozen=True)
class RunRecord:
    name: str
    agent: str
    request: str
    steps: tuple[dict[str, Any], ...]
    harmful: bool | None
    note: str


class Unreadable(Exception):
    """The file is not taken; `sentences` say what is wrong, by line or place."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.sentences = list(sentences)


def read_runs(data: bytes) -> list[RunRecord]:
    """Every run of a file, or Unreadable with the first things that are wrong. All or nothing."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"Byte {error.start + 1} is not UTF-8.") from None
    found: list[RunRecord] = []
    wrong: list[str] = []
    for place, value in values(text):
        problem = value if isinstance(value, str) else problem_of(value)
        if problem:
            wrong.append(f"{place}: {problem}")
        else:
            found.append(record_of(value, place))
        if len(wrong) >= SHOWN:
            break
        if len(found) > MOST_RUNS:
            raise Unreadable(f"More than {MOST_RUNS} runs: cut the file.")
    if wrong:
        raise Unreadable(*wrong)
    if not found:
        raise Unreadable("There is no run in this file.")
    return found


def values(text: str) -> Iterator[tuple[str, Any]]:
    """(place, value); a text as value says what is wrong there."""
    if text.lstrip().startswith("["):
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"This is no JSON: {error}."[:200]) from None
        for number, value in enumerate(whole, 1):
            yield f"Run {number}", value
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"Line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                yield f"Line {number}", f"no JSON ({error})"[:120]


def problem_of(value: Any) -> str:
    if not isinstance(value, Mapping):
        return "a run is an object"
    steps = value.get("steps")
    if not isinstance(steps, list) or not steps:
        return "it has no steps"
    if len(steps) > MOST_STEPS:
        return f"it has more than {MOST_STEPS} steps"
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Mapping):
            return f"step {number} is no object"
        tool = step.get("tool")
        if tool is None and isinstance(step.get("text", step.get("raw")), str):
            continue
        if not isinstance(tool, str) or not tool.strip():
            return f"step {number} names no tool and says nothing"
        if len(tool) > 120:
            return f"step {number}: a tool's name has up to 120 characters"
    judged = value.get("unsafe", value.get("harmful"))
    if judged not in (None, True, False, 0, 1):
        return "what people said of it is true, false or null"
    return ""


def record_of(value: Mapping[str, Any], place: str) -> RunRecord:
    judged = value.get("unsafe", value.get("harmful"))
    return RunRecord(
        name=text_of(value, "id", "name")[:200] or place,
        agent=text_of(value, "agent", "profile"),
        request=text_of(value, "request", "goal"),
        steps=tuple(step_of(step) for step in value["steps"]),
        harmful=None if judged is None else bool(judged),
        note=text_of(value, "note", "risk_description"),
    )


def step_of(step: Mapping[str, Any]) -> dict[str, Any]:
    if step.get("tool") is None:
        said = step.get("text", step.get("raw"))
        return {"tool": "", "arguments": cut(said), "result": cut(step.get("result"))}
    return {
        "tool": step["tool"].strip(),
        "arguments": cut(step.get("arguments", step.get("args"))),
        "result": cut(step.get("result")),
    }


def cut(value: Any) -> str:
    """As text, for people to read: nothing of it is ever carried out."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def text_of(value: Mapping[str, Any], *names: str) -> str:
    found = next((value[name] for name in names if value.get(name)), None)
    return cut(found)
