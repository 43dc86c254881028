"""What stands out among rights: unused, over-broad, about to end. Pure; time is an argument."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNUSED_AFTER = dt.timedelta(days=90)
LONG = dt.timedelta(days=366)
UNUSED, NEVER_USED, WHOLE_TOOL, LONG_LIVED, ENDED = (
    "unused", "never_used", "whole_tool", "long_lived", "ended",
)  # fmt: skip
WORDS = {
    UNUSED: "Unused for 90 days",
    NEVER_USED: "Never used",
    WHOLE_TOOL: "Whole tool, no limit",
    LONG_LIVED: "Longer than a year",
    ENDED: "Ended already",
}


@dataclass(frozen=True)
class Right:
    """One thing that somebody may do. `seen_since` is how far back use was looked for."""

    kind: str
    ref: str
    holder_kind: str
    holder_id: str
    holder: str
    right: str
    since: dt.datetime | None
    given_by: str
    ends_at: dt.datetime | None = None
    last_used_at: dt.datetime | None = None
    marks: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        return [WORDS[mark] for mark in self.marks]


def marks_of(
    *,
    now: dt.datetime,
    since: dt.datetime | None,
    last_used_at: dt.datetime | None,
    ends_at: dt.datetime | None = None,
    unlimited: bool = False,
) -> tuple[str, ...]:
    """A right younger than ninety days is not unused yet."""
    found = []
    old = since is not None and now - since > UNUSED_AFTER
    if old and last_used_at is None:
        found.append(NEVER_USED)
    elif old and last_used_at is not None and now - last_used_at > UNUSED_AFTER:
        found.append(UNUSED)
    if unlimited:
        found.append(WHOLE_TOOL)
    if ends_at is not None and since is not None and ends_at - since > LONG:
        found.append(LONG_LIVED)
    if ends_at is not None and ends_at <= now:
        found.append(ENDED)
    return tuple(found)
