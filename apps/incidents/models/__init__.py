from apps.incidents.models.duties import ImportedRun, RegulatoryClock, Report, Review
from apps.incidents.models.incidents import Corrective, Finding, Incident, Lesson, Link, Note
from apps.incidents.models.receipts import Containment, Receipt
from apps.incidents.models.rollbacks import Rollback, RollbackItem
from apps.incidents.models.signals import (
    Group,
    GroupingRule,
    KeyDay,
    MessageTemplate,
    Reading,
    Signal,
)

__all__ = [
    "Containment",
    "Corrective",
    "Finding",
    "Group",
    "GroupingRule",
    "ImportedRun",
    "Incident",
    "KeyDay",
    "Lesson",
    "Link",
    "MessageTemplate",
    "Note",
    "Reading",
    "Receipt",
    "RegulatoryClock",
    "Report",
    "Review",
    "Rollback",
    "RollbackItem",
    "Signal",
]
