from __future__ import annotations

from apps.incidents.queries.incidents import (
    agents_of,
    groups,
    in_flight,
    incident_numbered,
    incidents,
    may_judge,
    open_counts,
    owners_of,
    undone,
)
from apps.incidents.queries.timeline import timeline

__all__ = [
    "agents_of",
    "groups",
    "in_flight",
    "incident_numbered",
    "incidents",
    "may_judge",
    "open_counts",
    "owners_of",
    "timeline",
    "undone",
]
