from __future__ import annotations

from django.db.models import TextChoices


class PackStatus(TextChoices):
    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


MOVES: dict[str, frozenset[str]] = {
    PackStatus.QUEUED: frozenset({PackStatus.BUILDING}),
    PackStatus.BUILDING: frozenset({PackStatus.READY, PackStatus.FAILED}),
    PackStatus.READY: frozenset(),
    PackStatus.FAILED: frozenset(),
}
