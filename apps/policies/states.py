"""The life of a policy version (policies.md)."""

from __future__ import annotations

from django.db.models import TextChoices


class VersionStatus(TextChoices):
    DRAFT = "draft", "Draft"
    PROPOSED = "proposed", "In review"
    ADOPTED = "adopted", "Adopted"
    IN_FORCE = "in_force", "In force"
    SUPERSEDED = "superseded", "Superseded"
    SUSPENDED = "suspended", "Suspended"
    LAPSED = "lapsed", "Lapsed"
    DECLINED = "declined", "Not adopted"


V = VersionStatus
MOVES: dict[str, tuple[str, ...]] = {
    V.DRAFT: (V.PROPOSED, V.IN_FORCE),
    V.PROPOSED: (V.ADOPTED, V.DECLINED, V.DRAFT),
    V.ADOPTED: (V.IN_FORCE, V.DECLINED),
    V.IN_FORCE: (V.SUPERSEDED, V.SUSPENDED, V.LAPSED),
    V.SUSPENDED: (V.IN_FORCE, V.SUPERSEDED),
    V.SUPERSEDED: (V.IN_FORCE,),
    V.LAPSED: (),
    V.DECLINED: (),
}
EVALUATED = (V.IN_FORCE, V.SUSPENDED)
EDITABLE = (V.DRAFT,)
SHADOWABLE = (V.DRAFT, V.PROPOSED, V.ADOPTED)


class CaseOrigin(TextChoices):
    AUTHOR = "author", "Written by hand"
    BOUNDARY = "boundary", "Boundary of a rule"
    INCIDENT = "incident", "Lesson from an incident"


class BacktestStatus(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


BACKTEST_MOVES: dict[str, tuple[str, ...]] = {
    BacktestStatus.QUEUED: (BacktestStatus.RUNNING, BacktestStatus.CANCELLED),
    BacktestStatus.RUNNING: (
        BacktestStatus.DONE,
        BacktestStatus.CANCELLED,
        BacktestStatus.FAILED,
    ),
}
