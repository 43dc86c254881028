from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.incidents.models.incidents import Incident
from apps.incidents.states import Point


class Receipt(models.Model):
    """What one enforcement point has to confirm after a containment, and when it did."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="receipts")
    agent = models.CharField(max_length=80)
    point = models.CharField(max_length=14, choices=Point.choices)
    asked_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Receipt]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "agent", "point", "asked_at"], name="a_point_answers_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["asked_at"],
                condition=models.Q(confirmed_at__isnull=True),
                name="receipt_owed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.point} about {self.agent}"

    @property
    def milliseconds(self) -> int | None:
        """From the click to the receipt."""
        if self.confirmed_at is None:
            return None
        return round((self.confirmed_at - self.asked_at).total_seconds() * 1000)
