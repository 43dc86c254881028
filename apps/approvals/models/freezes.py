"""Times in which nothing passes by itself."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from apps.approvals.models.queues import Queue
from apps.common.tracked import Tracked


class Freeze(Tracked):
    """While it lasts, what sampling or a standing approval would have let through is put to the
    people of `queue`. `tools` names what it covers; none means all."""

    name = models.CharField(max_length=120)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="freezes")
    tools = models.JSONField(default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="a_freeze_ends_after_it_starts"
            )
        ]
        indexes = [models.Index(fields=["ends_at"], name="freeze_by_end")]

    def __str__(self) -> str:
        return self.name
