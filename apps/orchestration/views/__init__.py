"""Pages of runs, and of what limits them."""

from __future__ import annotations

from apps.orchestration.views.exports import export
from apps.orchestration.views.limits import KINDS, lift, limits, set_limit
from apps.orchestration.views.runs import (
    MENDING,
    SETTLING,
    VERBS,
    attention,
    change,
    mend,
    run,
    runs,
    settle,
)
from apps.orchestration.views.workflows import place, workflows

__all__ = [
    "KINDS",
    "MENDING",
    "SETTLING",
    "VERBS",
    "attention",
    "change",
    "export",
    "lift",
    "limits",
    "mend",
    "place",
    "run",
    "runs",
    "set_limit",
    "settle",
    "workflows",
]
