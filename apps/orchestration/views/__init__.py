"""Pages of runs, and of what limits them."""

from __future__ import annotations

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

__all__ = [
    "KINDS",
    "MENDING",
    "SETTLING",
    "VERBS",
    "attention",
    "change",
    "lift",
    "limits",
    "mend",
    "run",
    "runs",
    "set_limit",
    "settle",
]
