from apps.incidents.models.incidents import Corrective, Finding, Incident, Lesson, Link, Note
from apps.incidents.models.receipts import Receipt
from apps.incidents.models.signals import Group, MessageTemplate, Reading, Signal

__all__ = [
    "Corrective",
    "Finding",
    "Group",
    "Incident",
    "Lesson",
    "Link",
    "MessageTemplate",
    "Note",
    "Reading",
    "Receipt",
    "Signal",
]
