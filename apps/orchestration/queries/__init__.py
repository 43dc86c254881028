"""Reads for the pages of runs and limits, and for the engine."""

from __future__ import annotations

from apps.orchestration.queries.exporting import COLUMNS, Event, events
from apps.orchestration.queries.limits import BudgetLine, Limits, limits
from apps.orchestration.queries.runs import (
    Needed,
    Progress,
    StepLine,
    Undoable,
    action_in_doubt,
    attention,
    goes_on_at,
    in_flight,
    last_sweep,
    results_of,
    rollback_preview,
    run_numbered,
    runs,
    silent_since,
    state_of,
    step_of,
    timeline,
    undo_progress,
    why_stuck,
)

__all__ = [
    "COLUMNS",
    "BudgetLine",
    "Event",
    "Limits",
    "Needed",
    "Progress",
    "StepLine",
    "Undoable",
    "action_in_doubt",
    "attention",
    "events",
    "goes_on_at",
    "in_flight",
    "last_sweep",
    "limits",
    "results_of",
    "rollback_preview",
    "run_numbered",
    "runs",
    "silent_since",
    "state_of",
    "step_of",
    "timeline",
    "undo_progress",
    "why_stuck",
]
