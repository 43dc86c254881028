"""Two people at one row: whoever saves second is told, and nothing of theirs is lost."""

from __future__ import annotations

from typing import Any

from apps.common.errors import Conflict
from apps.common.tracked import Tracked


def version_of(row: Tracked) -> int:
    """The number of the row's newest version; 0 for one that is not kept yet."""
    versions: Any = type(row).history.filter(id=row.pk)  # type: ignore[attr-defined]
    return int(versions.order_by("-history_id").values_list("history_id", flat=True).first() or 0)


def refuse_changed(row: Tracked, seen: int | None) -> None:
    """Raises Conflict where the row is no longer the version that the person had before them. None
    is nobody's: a service that sets what it sets."""
    if seen is not None and version_of(row) != seen:
        raise Conflict("Somebody changed this meanwhile. What you typed is kept below.", "changed")
