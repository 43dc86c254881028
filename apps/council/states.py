"""The life of a motion, of an emergency measure and of a sitting (council.md 4.2)."""

from __future__ import annotations

from django.db.models import TextChoices


class MotionStatus(TextChoices):
    DRAFT = "draft", "Draft"
    COMMENT = "comment", "In review"
    BALLOT = "ballot", "Awaiting votes"
    WAITING = "waiting", "Adopted"
    STOPPED = "stopped", "Stopped"
    ADOPTED = "adopted", "Adopted, not effective"
    EFFECTIVE = "effective", "In force"
    DEFEATED = "defeated", "Not adopted"
    INQUORATE = "inquorate", "No quorum"
    VETOED = "vetoed", "Vetoed"
    ESCALATED = "escalated", "Escalated"
    WITHDRAWN = "withdrawn", "Withdrawn"


M = MotionStatus
MOVES: dict[str, tuple[str, ...]] = {
    M.DRAFT: (M.COMMENT, M.WITHDRAWN),
    M.COMMENT: (M.BALLOT, M.WITHDRAWN, M.ESCALATED),
    M.BALLOT: (
        M.COMMENT,
        M.WAITING,
        M.DEFEATED,
        M.INQUORATE,
        M.VETOED,
        M.WITHDRAWN,
        M.ESCALATED,
    ),
    M.WAITING: (M.EFFECTIVE, M.STOPPED, M.ADOPTED, M.COMMENT),
    M.STOPPED: (M.WAITING, M.VETOED),
    M.ADOPTED: (M.EFFECTIVE, M.COMMENT, M.WITHDRAWN),
    M.EFFECTIVE: (),
    M.DEFEATED: (),
    M.INQUORATE: (M.BALLOT, M.COMMENT, M.WITHDRAWN, M.ESCALATED),
    M.VETOED: (),
    M.ESCALATED: (M.WAITING, M.DEFEATED, M.WITHDRAWN),
    M.WITHDRAWN: (),
}
OPEN = (
    M.DRAFT, M.COMMENT, M.BALLOT, M.WAITING, M.STOPPED, M.ADOPTED, M.INQUORATE, M.ESCALATED,
)  # fmt: skip


class Kind(TextChoices):
    POLICY = "policy", "Policy"
    ACTIVATION = "activation", "Agent goes to work"
    GRANT = "grant", "Permission for an agent"
    CHECKPOINT = "checkpoint", "Checkpoint"
    RULES = "rules", "Council rules"
    RATIFY = "ratify", "Emergency measure"
    READINESS = "readiness", "Readiness weights"


class MotionClass(TextChoices):
    STANDARD = "standard", "Standard"
    SIGNIFICANT = "significant", "Significant"
    CONSTITUTIONAL = "constitutional", "Constitutional"


# How people call the periods of a class (rules.PERIODS).
PERIOD_WORDS = {
    "comment": "comments",
    "ballot": "ballot",
    "least_open": "open for at least",
    "late": "longer when the quorum comes late",
    "timelock": "waiting time",
}


class Choice(TextChoices):
    FOR = "for", "For"
    AGAINST = "against", "Against"
    ABSTAIN = "abstain", "Abstain"
    CONFLICT = "conflict", "Abstain, being partial"
    VETO = "veto", "Veto"


class Function(TextChoices):
    CHAIR = "chair", "Chair"
    SECURITY = "security", "Security"
    COMPLIANCE = "compliance", "Compliance"
    LEGAL = "legal", "Legal"
    RISK = "risk", "Risk"
    OPERATIONS = "operations", "Operations"
    FINANCE = "finance", "Finance"
    TECHNOLOGY = "technology", "Technology"
    PEOPLE = "people", "People"


class CommentKind(TextChoices):
    COMMENT = "comment", "Comment"
    OBJECTION = "objection", "Objection"
    DISSENT = "dissent", "Dissenting opinion"


class ObjectionStatus(TextChoices):
    OPEN = "open", "Open"
    ANSWERED = "answered", "Answered"
    ESCALATED = "escalated", "Answer not accepted"
    WITHDRAWN = "withdrawn", "Withdrawn"


class QuestionKind(TextChoices):
    """What members decide among themselves, by a show of hands that is recorded."""

    IMPARTIAL = "impartial", "Impartiality of a member"
    STOP = "stop", "Whether a stopped motion goes on"


class QuestionStatus(TextChoices):
    OPEN = "open", "Open"
    YES = "yes", "Yes"
    NO = "no", "No"


class MeasureKind(TextChoices):
    SUSPEND_AGENT = "suspend_agent", "Suspend an agent"
    FREEZE_POLICY = "freeze_policy", "Freeze a policy's permissions"
    DENY_TOOL = "deny_tool", "Stop a tool for every agent"
    REVIEW_AGENT = "review_agent", "Put every action of an agent before people"


class MeasureStatus(TextChoices):
    ASKED = "asked", "Waits for a second person"
    IN_FORCE = "in_force", "In force"
    LAPSED = "lapsed", "Lapsed"
    LIFTED = "lifted", "Lifted"
    REFUSED = "refused", "Not seconded"


MEASURE_MOVES: dict[str, tuple[str, ...]] = {
    MeasureStatus.ASKED: (MeasureStatus.IN_FORCE, MeasureStatus.REFUSED),
    MeasureStatus.IN_FORCE: (MeasureStatus.LAPSED, MeasureStatus.LIFTED),
}


class SittingStatus(TextChoices):
    PLANNED = "planned", "Planned"
    OPEN = "open", "In session"
    CLOSED = "closed", "Closed"
    SIGNED = "signed", "Minutes signed"
