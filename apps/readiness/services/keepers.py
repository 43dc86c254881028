"""Who may keep what is known of a process: whoever has the right to, and its owner."""

from __future__ import annotations

from apps.access.models import User
from apps.access.queries import holds
from apps.access.services import require
from apps.readiness.models import Process


def may_keep(person: User, process: Process | None = None) -> bool:
    return holds(person, "readiness.manage") or (
        process is not None and process.owner_id == person.pk and holds(person, "readiness.view")
    )


def require_keeper(actor: User | None, process: Process | None = None) -> None:
    """Raises NotPermitted, on record, unless the person may keep the process. None is the
    system."""
    if actor is None or not may_keep(actor, process):
        require(actor, "readiness.manage")
