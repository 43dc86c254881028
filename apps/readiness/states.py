"""The lives of what takes a worker some time, and the words for what an inventory holds."""

from __future__ import annotations

from django.db.models import IntegerChoices, TextChoices


class WorkStatus(TextChoices):
    """Of a log, a table and an assessment: what a worker reads or computes."""

    DRAFT = "draft", "Needs your answer"
    QUEUED = "queued", "Queued"
    WORKING = "working", "Running"
    READY = "ready", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


W = WorkStatus
MOVES: dict[str, tuple[str, ...]] = {
    W.DRAFT: (W.QUEUED, W.CANCELLED),
    W.QUEUED: (W.WORKING, W.CANCELLED),
    W.WORKING: (W.WORKING, W.DRAFT, W.READY, W.FAILED, W.CANCELLED),
    W.READY: (),
    W.FAILED: (),
    W.CANCELLED: (),
}
UNDER_WAY = (W.QUEUED, W.WORKING)


class InterviewStatus(TextChoices):
    ANSWERED = "answered", "In review"
    COUNTERSIGNED = "countersigned", "Countersigned"
    REFUSED = "refused", "Sent back"
    SUPERSEDED = "superseded", "Superseded"


I = InterviewStatus  # noqa: E741 - read with the table below
INTERVIEW_MOVES: dict[str, tuple[str, ...]] = {
    I.ANSWERED: (I.COUNTERSIGNED, I.REFUSED, I.SUPERSEDED),
    I.COUNTERSIGNED: (I.SUPERSEDED,),
    I.REFUSED: (),
    I.SUPERSEDED: (),
}


class Level(IntegerChoices):
    """How far agents may go in a process (readiness.md 1.6); 0 was never assessed."""

    UNKNOWN = 0, "Not assessed"
    NOT_YET = 1, "Not yet"
    PARTLY = 2, "Partly"
    MOSTLY = 3, "Mostly"
    READY = 4, "Ready"


class Access(TextChoices):
    API = "api", "API with an identity of its own"
    UI = "ui", "Only through its screens"
    FILE = "file", "Files or e-mail"
    NONE = "none", "No access"


class Undo(TextChoices):
    TESTED = "tested", "Tested undo"
    UNTESTED = "untested", "Undo, never tested"
    NONE = "none", "Cannot be undone"


class RuleKind(TextChoices):
    DECISION = "decision", "Decision rule"
    PRECEDENCE = "precedence", "One before the other"
    FOUR_EYES = "four_eyes", "By different people"
    NEVER_BOTH = "never_both", "Never both"
