from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.council.states import SittingStatus


class Certification(Tracked):
    """Until when a standing permission or policy stands without being looked at again."""

    object_type = models.CharField(max_length=10)
    object_id = models.BigIntegerField()
    label = models.CharField(max_length=200)
    due_on = models.DateField()
    noticed_on = models.DateField(null=True)
    certified_at = models.DateTimeField(null=True)
    certified_by_label = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["object_type", "object_id"], name="a_thing_is_certified_in_one_row"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_on"], name="certification_due")
        ]

    def __str__(self) -> str:
        return self.label


class Sitting(models.Model):
    """A meeting of the council: its agenda, what was said on it, and its minutes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    title = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    place = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=8, choices=SittingStatus.choices, default=SittingStatus.PLANNED
    )
    called_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    present = models.JSONField(default=list)
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    minutes = models.TextField(blank=True)
    minutes_digest = models.CharField(max_length=64, blank=True)
    signatures = models.JSONField(default=list)

    objects: ClassVar[models.Manager[Sitting]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status__in=["closed", "signed"]) | ~Q(minutes=""),
                name="a_closed_sitting_has_minutes",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"S-{self.number}"


class Note(models.Model):
    """A speaking note on an item of a sitting's agenda."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, related_name="notes")
    item = models.CharField(max_length=120)
    author_label = models.CharField(max_length=200)
    text = models.TextField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Note]] = models.Manager()

    def __str__(self) -> str:
        return self.text[:80]
