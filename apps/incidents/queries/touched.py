"""Which record an action was about, in words: from its tool's resource keys and its arguments, and
from what its run is about."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from apps.orchestration.models import Run
from apps.registry.rules import held_keys
from apps.registry.states import DataClass
from apps.runtime.models import Action

# Arguments say what it was about where no key does: the first few that are short, never personal.
SAID, SHORT = 3, 40
TOLD = (DataClass.PUBLIC, DataClass.INTERNAL)


def touched(acts: Iterable[Action]) -> dict[uuid.UUID, str]:
    """By the action's key: `invoice 17 (Invoice file A.xml)`; "" where nothing says it."""
    rows = list(acts)
    runs = {row.run_id for row in rows if row.run_id}
    subjects: dict[uuid.UUID | None, str] = {}
    if runs:
        subjects |= Run.objects.filter(pk__in=runs).values_list("pk", "subject")
    return {row.pk: words(record_of(row), subjects.get(row.run_id, "")) for row in rows}


def words(record: str, subject: str) -> str:
    return f"{record} ({subject})" if record and subject else record or subject


def record_of(action: Action) -> str:
    tool = action.tool
    if tool is None:
        return ""
    keys = held_keys(tool.spec, action.arguments)
    alone = [key for key in keys if keys[key]] or list(keys)
    if alone:
        return ", ".join(key.replace(":", " ", 1) for key in alone)
    return said(action.arguments) if tool.data_class in TOLD else ""


def said(arguments: dict[str, Any]) -> str:
    short = [
        f"{name} {value}"
        for name, value in arguments.items()
        if isinstance(value, str | int) and 0 < len(str(value)) <= SHORT
    ]
    return ", ".join(short[:SAID])
