"""What a reader's role is limited to: a period, certain agents, or nothing (data on the role)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from apps.access.matrix import MATRIX
from apps.access.models import User
from apps.access.queries import live_assignments, roles_of
from apps.access.services import SCOPED
from apps.audit.rules.grammar import Term, Trail, span
from apps.common.errors import Absent
from apps.registry.models import Agent, AgentCredential, Grant

WHOLE = Trail()


def scope_of(reader: User) -> Trail:
    """The conditions that every event shown to this reader meets; empty for no limit. Whoever
    reads the trail by a second role without a limit has none."""
    cached: Trail | None = getattr(reader, "_audit_scope", None)
    if cached is None:
        cached = read_scope(reader)
        reader._audit_scope = cached  # type: ignore[attr-defined]
    return cached


def read_scope(reader: User) -> Trail:
    readers = {role for role, rights in MATRIX.items() if "audit.view" in rights}
    held = readers & roles_of(reader)
    if not held or held - SCOPED:
        return WHOLE
    given = live_assignments().filter(user=reader, role__in=held)
    scopes = list(given.order_by("pk").values_list("scope", flat=True))
    return trail_of(scopes[0]) if scopes and all(scopes) else WHOLE


def trail_of(scope: dict[str, Any]) -> Trail:
    terms = [Term("agent", str(slug)) for slug in scope.get("agents", [])]
    since, until = scope.get("since", ""), scope.get("until", "")
    if since or until:
        terms.append(Term("at", f"{since}..{until}"))
    return Trail(tuple(terms))


def period(reader: User) -> tuple[dt.datetime | None, dt.datetime | None]:
    spans = [span(term.value) for term in scope_of(reader).of("at")]
    return spans[0] if spans else (None, None)


def require_moment(reader: User, moment: dt.datetime) -> None:
    """Raises Absent for a moment outside of the reader's period."""
    low, high = period(reader)
    if (low and moment < low) or (high and moment >= high):
        raise Absent


OF_AGENTS = {
    "registry.agent": (Agent, "slug"),
    "registry.grant": (Grant, "agent__slug"),
    "registry.agentcredential": (AgentCredential, "agent__slug"),
}
OF_ALL = ("policies.", "registry.tool")


def require_object(reader: User, label: str, pk: str) -> None:
    """Raises Absent for an object that a role limited to certain agents does not reach. Policies
    and tools are the organisation's, and no agent's."""
    agents = {term.value for term in scope_of(reader).of("agent")}
    if not agents or label.startswith(OF_ALL):
        return
    if label not in OF_AGENTS:
        raise Absent
    model, slug = OF_AGENTS[label]
    if not model.objects.filter(pk=pk, **{f"{slug}__in": agents}).exists():
        raise Absent


def require_whole(reader: User) -> None:
    """Raises Absent for pages that show the whole organisation, for whoever is limited."""
    if scope_of(reader).terms:
        raise Absent
