"""How long events are kept: what holds them, and what a purge leaves behind."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.common.tracked import Tracked, TrackedQuerySet


class Hold(Tracked):
    """A legal hold: no purge while one is open."""

    name = models.CharField(max_length=120)
    basis = models.TextField()
    opened_by_label = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Hold]] = TrackedQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Tombstone(models.Model):
    """Insert-only: the events `first_seq` to `last_seq` were purged; their entries remain."""

    first_seq = models.BigIntegerField(primary_key=True)
    last_seq = models.BigIntegerField(unique=True)
    count = models.BigIntegerField()
    root = models.CharField(max_length=64)
    until = models.DateTimeField()
    event_id = models.UUIDField(unique=True)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Tombstone]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(count=F("last_seq") - F("first_seq") + 1),
                name="a_tombstone_counts_its_events",
            )
        ]

    def __str__(self) -> str:
        return f"Events {self.first_seq:,}–{self.last_seq:,} purged"
