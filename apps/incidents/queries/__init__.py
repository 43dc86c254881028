from __future__ import annotations

from apps.incidents.queries.containment import (
    Target,
    checkpoints,
    containments,
    live_runs,
    running,
    targets,
    usual_checkpoint,
    waiting,
)
from apps.incidents.queries.duties import (
    TOLD,
    checks_due,
    clocks_of,
    open_clocks,
    report_body,
)
from apps.incidents.queries.imported import batch, batches, run_of, runs_in
from apps.incidents.queries.incidents import (
    agents_of,
    group_with,
    groups,
    incident_numbered,
    incidents,
    may_judge,
    open_counts,
    owners_of,
    person_named,
    runs_named,
    subjects_of,
    tools_about,
    undone,
    workflow_named,
)
from apps.incidents.queries.lessons import acts_of, offered, policy_actions
from apps.incidents.queries.rollbacks import foreseen, rollbacks_of
from apps.incidents.queries.timeline import timeline

__all__ = [
    "TOLD",
    "Target",
    "acts_of",
    "agents_of",
    "batch",
    "batches",
    "checkpoints",
    "checks_due",
    "clocks_of",
    "containments",
    "foreseen",
    "group_with",
    "groups",
    "incident_numbered",
    "incidents",
    "live_runs",
    "may_judge",
    "offered",
    "open_clocks",
    "open_counts",
    "owners_of",
    "person_named",
    "policy_actions",
    "report_body",
    "rollbacks_of",
    "run_of",
    "running",
    "runs_in",
    "runs_named",
    "subjects_of",
    "targets",
    "timeline",
    "tools_about",
    "undone",
    "usual_checkpoint",
    "waiting",
    "workflow_named",
]
