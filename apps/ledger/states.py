from __future__ import annotations

from django.db.models import TextChoices


class VerificationStatus(TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    INTACT = "intact"
    BROKEN = "broken"
    FAILED = "failed"


MOVES: dict[str, frozenset[str]] = {
    VerificationStatus.QUEUED: frozenset({VerificationStatus.RUNNING}),
    VerificationStatus.RUNNING: frozenset(
        {VerificationStatus.INTACT, VerificationStatus.BROKEN, VerificationStatus.FAILED}
    ),
    VerificationStatus.INTACT: frozenset(),
    VerificationStatus.BROKEN: frozenset(),
    VerificationStatus.FAILED: frozenset(),
}
