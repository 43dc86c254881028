from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.council.models.motions import Motion
from apps.council.states import MeasureKind, MeasureStatus


class Measure(models.Model):
    """An emergency measure: restricts at once, on two people's word, and ends by itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=14, choices=MeasureKind.choices)
    target = models.CharField(max_length=120)
    target_label = models.CharField(max_length=200)
    reason = models.TextField()
    status = models.CharField(
        max_length=10, choices=MeasureStatus.choices, default=MeasureStatus.ASKED
    )
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    seconded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_note = models.TextField(blank=True)
    restored = models.BooleanField(null=True)
    announced = models.PositiveSmallIntegerField(default=0)
    report = models.TextField(blank=True)
    reported_at = models.DateTimeField(null=True)
    reported_by_label = models.CharField(max_length=200, blank=True)
    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, null=True, related_name="+")

    objects: ClassVar[models.Manager[Measure]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status="in_force")
                | Q(ends_at__isnull=False, seconded_by__isnull=False),
                name="a_measure_in_force_has_two_people_and_an_end",
            ),
            models.CheckConstraint(
                condition=Q(seconded_by__isnull=True) | ~Q(seconded_by=F("asked_by")),
                name="nobody_seconds_their_own_measure",
            ),
            models.UniqueConstraint(
                fields=["kind", "target"],
                condition=Q(status__in=["asked", "in_force"]),
                name="a_target_has_one_measure_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.get_kind_display()}: {self.target_label}"

    @property
    def reference(self) -> str:
        return f"E-{self.number}"
