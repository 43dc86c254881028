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
    receipts,
    undone,
)
from apps.incidents.queries.lessons import acts_of, offered, policy_actions
from apps.incidents.queries.timeline import timeline

__all__ = [
    "acts_of",
    "agents_of",
    "groups",
    "in_flight",
    "incident_numbered",
    "incidents",
    "may_judge",
    "offered",
    "open_counts",
    "owners_of",
    "policy_actions",
    "receipts",
    "timeline",
    "undone",
]
