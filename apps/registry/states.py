"""The life cycle of an agent, and the other closed lists of the registry."""

from __future__ import annotations

from django.db.models import TextChoices


class AgentStatus(TextChoices):
    DRAFT = "draft", "Draft"
    PROPOSED = "proposed", "In review"
    APPROVED = "approved", "Approved"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    RETIRED = "retired", "Retired"


S = AgentStatus
MOVES: dict[str, tuple[str, ...]] = {
    S.DRAFT: (S.PROPOSED, S.ACTIVE, S.RETIRED),
    S.PROPOSED: (S.APPROVED, S.DRAFT, S.RETIRED),
    S.APPROVED: (S.ACTIVE, S.RETIRED),
    S.ACTIVE: (S.SUSPENDED, S.RETIRED),
    S.SUSPENDED: (S.ACTIVE, S.RETIRED),
    S.RETIRED: (),
}


class Kind(TextChoices):
    NATIVE = "native", "Run here"
    EXTERNAL = "external", "Lives elsewhere"
    SERVICE = "service", "Service"


class Risk(TextChoices):
    LOW = "low", "Low risk"
    MEDIUM = "medium", "Medium risk"
    HIGH = "high", "High risk"
    CRITICAL = "critical", "Critical risk"


class ToolEffect(TextChoices):
    READ = "read", "Reads"
    WRITE = "write", "Writes, and can be taken back"
    IRREVERSIBLE = "irreversible", "Cannot be taken back"


class DataClass(TextChoices):
    PUBLIC = "public", "Public"
    INTERNAL = "internal", "Internal"
    PERSONAL = "personal", "Personal"
    SECRET = "secret", "Secret"


class Executor(TextChoices):
    CONNECTOR = "connector", "Carried out here"
    AGENT = "agent", "Carried out by the agent"


class BarrierMeasure(TextChoices):
    STOP = "stop", "Nothing passes"
    ASK = "ask", "People see every action"
    KEEP = "keep", "Nothing is changed: evidence"


class ToolStatus(TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
