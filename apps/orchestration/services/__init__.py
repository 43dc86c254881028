"""The verbs of runs and steps, split by noun, and the only writers. Every change is a guarded
UPDATE on (id, status, fence)."""

from __future__ import annotations

from apps.orchestration.services.exporting import export_runs
from apps.orchestration.services.plans import advance
from apps.orchestration.services.precedence import set_precedence
from apps.orchestration.services.processes import tell_readiness
from apps.orchestration.services.runs import (
    bring_back,
    cancel_run,
    continue_for_agent,
    continue_run,
    install_workflow,
    pause_for_agent,
    pause_run,
    place_workflow,
    start_run,
)
from apps.orchestration.services.steps import (
    StepWork,
    claim_step,
    perform_step,
    renew_lease,
    requeue_step,
    resolve_in_doubt,
    wake_waiting,
)
from apps.orchestration.services.sweeping import drain, relay, sweep
from apps.orchestration.services.undoing import end_stuck, leave_standing, retry_undo, roll_back

__all__ = [
    "StepWork",
    "advance",
    "bring_back",
    "cancel_run",
    "claim_step",
    "continue_for_agent",
    "continue_run",
    "drain",
    "end_stuck",
    "export_runs",
    "install_workflow",
    "leave_standing",
    "pause_for_agent",
    "pause_run",
    "perform_step",
    "place_workflow",
    "relay",
    "renew_lease",
    "requeue_step",
    "resolve_in_doubt",
    "retry_undo",
    "roll_back",
    "set_precedence",
    "start_run",
    "sweep",
    "tell_readiness",
    "wake_waiting",
]
