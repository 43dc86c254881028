"""Reading the filters of the audit log out of a query string; no database."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EXACT = {
    "type": "type",
    "actor": "actor_id",
    "actor_kind": "actor_kind",
    "object_type": "object_type",
    "object": "object_id",
    "outcome": "outcome",
}
IDENTIFIERS = {"run": "run_id", "act": "act_id"}
MOMENTS = {"from": "at__gte", "to": "at__lt"}


@dataclass(frozen=True)
class Filters:
    """`lookups` for the query; `active` name and value for the chips; `problems` in sentences."""

    lookups: dict[str, Any] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read(query: Mapping[str, str]) -> Filters:
    """Filters from `?type=&actor=&object=&run=&act=&from=&to=&outcome=`; unknown names are left
    alone, and a value that cannot be read becomes a sentence, never an error."""
    lookups: dict[str, Any] = {}
    active: dict[str, str] = {}
    problems: list[str] = []
    for name in (*EXACT, *IDENTIFIERS, *MOMENTS):
        value = query.get(name, "").strip().replace("\x00", "")
        if not value:
            continue
        active[name] = value
        try:
            lookups.update(lookup(name, value))
        except ValueError:
            problems.append(f"“{value}” is not a value for the filter {name}; it was left out.")
    return Filters(lookups, active, tuple(problems))


def lookup(name: str, value: str) -> dict[str, Any]:
    if name in IDENTIFIERS:
        return {IDENTIFIERS[name]: uuid.UUID(value)}
    if name in MOMENTS:
        return {MOMENTS[name]: moment(value, end=name == "to")}
    if name == "type" and value.endswith(".*"):
        return {"type__gte": value[:-1], "type__lt": value[:-2] + "/"}
    return {EXACT[name]: value}


def moment(value: str, *, end: bool) -> dt.datetime:
    """UTC. A date without a time means its first moment, or the next day's as an end."""
    found = dt.datetime.fromisoformat(value)
    if end and len(value) <= len("2026-11-24"):
        found += dt.timedelta(days=1)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
