"""What is known of processes, the files it was measured from, and what was found."""

from apps.readiness.models.assessments import Assessment, Interview, Weights
from apps.readiness.models.live import LiveMonth
from apps.readiness.models.logs import Log, Mapping, Table
from apps.readiness.models.processes import Activity, Process, Rule, Source, System
from apps.readiness.models.stamps import ReadinessStamp
from apps.readiness.models.work import Work

__all__ = [
    "Activity",
    "Assessment",
    "Interview",
    "LiveMonth",
    "Log",
    "Mapping",
    "Process",
    "ReadinessStamp",
    "Rule",
    "Source",
    "System",
    "Table",
    "Weights",
    "Work",
]
