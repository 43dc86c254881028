"""Agents, tools, permissions, keys and lists as this process last read them.

Everything is dropped whenever the registry's stamp moves, and the stamp is read from the database
on every use: a suspension or revocation holds from the next action on, in every process. What is
handed out is shared between threads and is never changed.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from apps.common import clock
from apps.common.rows import one
from apps.registry.models import (
    Agent,
    AgentCredential,
    Barrier,
    Grant,
    ReferenceList,
    RegistryStamp,
    Tool,
)
from apps.registry.rules import Bar

MOST = 20_000
LONGEST_LINE = 100
NOTED_SECONDS = 30


@dataclass(frozen=True)
class Reading:
    """The stamp and the database's present moment, from one question."""

    stamp: int
    moment: dt.datetime


@dataclass
class Directory:
    """Rows by what they are looked up by; each is read once per stamp, an absence too."""

    stamp: int
    rows: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def kept(self, key: tuple[Any, ...], read: Callable[[], Any]) -> Any:
        if key not in self.rows:
            if len(self.rows) >= MOST:
                self.rows.clear()
            self.rows[key] = read()
        return self.rows[key]

    def agent(self, pk: int) -> Agent | None:
        def look() -> Any:
            return Agent.objects.select_related("owner", "sponsor").filter(pk=pk).first()

        found: Agent | None = self.kept(("agent", pk), look)
        return found

    def tool(self, name: str) -> Tool | None:
        def look() -> Any:
            return Tool.objects.filter(name=name).first()

        found: Tool | None = self.kept(("tool", name), look)
        return found

    def permitted(self, agent_id: int, tool_name: str, moment: dt.datetime) -> bool:
        """Whether the agent holds a permission for the tool at this moment."""
        return bool(self.grants(agent_id, tool_name, moment))

    def processes(self, agent_id: int, tool_name: str, moment: dt.datetime) -> list[str]:
        """The processes that the agent's permission for the tool names; it may name none."""
        return [slug for slug in self.grants(agent_id, tool_name, moment) if slug]

    def grants(self, agent_id: int, tool_name: str, moment: dt.datetime) -> list[str]:
        def look() -> Any:
            rows = Grant.objects.filter(agent_id=agent_id, tool__name=tool_name)
            rows = rows.filter(revoked_at__isnull=True)
            return list(rows.values_list("starts_at", "expires_at", "process"))

        found = self.kept(("grant", agent_id, tool_name), look)
        return [process for starts, ends, process in found if starts <= moment < ends]

    def credential(self, pk: int) -> AgentCredential | None:
        return self.key("pk", pk)

    def credential_named(self, prefix: str) -> AgentCredential | None:
        return self.key("prefix", prefix)

    def key(self, name: str, value: Any) -> AgentCredential | None:
        def look() -> Any:
            rows = AgentCredential.objects.select_related("agent")
            return rows.filter(**{name: value}).first()

        found: AgentCredential | None = self.kept(("key", name, value), look)
        return found

    def succeeds(self, new: int | None, old: int | None) -> bool:
        """Whether the key `new` is `old`, or came out of it by rotation."""
        for _ in range(LONGEST_LINE):
            if new == old or new is None:
                return new == old
            found = self.credential(new)
            new = found.replaces_id if found else None
        return False

    def bars(self) -> tuple[Bar, ...]:
        """Every barrier that nobody has lifted; whether its time is over is the reader's to say."""

        def look() -> Any:
            rows = Barrier.objects.filter(ended_at__isnull=True).order_by("number")
            names = [each.name for each in fields(Bar)]
            return tuple(Bar(**values) for values in rows.values(*names))

        found: tuple[Bar, ...] = self.kept(("bars",), look)
        return found

    def values(self, slug: str) -> frozenset[str] | None:
        """The values of a reference list; None where there is no such list."""

        def look() -> Any:
            rows = ReferenceList.objects.filter(slug=slug)
            return next((frozenset(row.values) for row in rows), None)

        found: frozenset[str] | None = self.kept(("list", slug), look)
        return found


_held: dict[str, Directory] = {}
_noted: dict[int, float] = {}


def at(stamp: int) -> Directory:
    """The directory as it stands at this stamp."""
    held = _held.get(DEFAULT_DB_ALIAS)
    if held is None or held.stamp != stamp:
        held = _held[DEFAULT_DB_ALIAS] = Directory(stamp)
    return held


def last_known(prefix: str) -> AgentCredential | None:
    """The credential of a prefix at whatever stamp this process read last."""
    held = _held.get(DEFAULT_DB_ALIAS)
    found: AgentCredential | None = held.rows.get(("key", "prefix", prefix)) if held else None
    return found


def read() -> Reading:
    table = RegistryStamp._meta.db_table
    moment, stamp = one(
        f"SELECT {clock.sql()}, (SELECT number FROM {table} WHERE id = %s)",  # noqa: S608
        (1,),
    )
    return Reading(stamp or 0, clock.parsed(moment))


def noted_just_now(credential_id: int) -> bool:
    """Whether this process has asked for this key within half a minute; if not, it has now."""
    moment = time.monotonic()
    before = _noted.get(credential_id)
    if before is not None and moment - before < NOTED_SECONDS:
        return True
    if len(_noted) >= MOST:
        _noted.clear()
    _noted[credential_id] = moment
    return False


def forget() -> None:
    """Drops what this process holds (tests that rebuild the database under it)."""
    _held.clear()
    _noted.clear()
