from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.incidents.models.incidents import Incident
from apps.incidents.states import Measure, Place, Point
from apps.registry.models import Barrier


class Containment(models.Model):
    """One measure about one thing, within one incident: by whom, until when, and lifted when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="containments")
    measure = models.CharField(max_length=8, choices=Measure.choices)
    place = models.CharField(max_length=8, choices=Place.choices)
    target = models.CharField(max_length=200)
    label = models.CharField(max_length=200)
    reason = models.TextField()
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    barrier = models.ForeignKey(Barrier, on_delete=models.PROTECT, null=True, related_name="+")
    # What it did at once: {"withdrawn": questions, "paused": ids of runs, "revoked": permissions,
    # "flying": what was in flight, "suspended": whether it was this that suspended the agent}.
    did = models.JSONField(default=dict)
    confirmed_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by_label = models.CharField(max_length=200, blank=True)
    lifted_why = models.TextField(blank=True)
    # When every point had confirmed that it no longer heeds the measure.
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Containment]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "measure", "place", "target"],
                condition=Q(lifted_at__isnull=True),
                name="a_measure_is_taken_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(lifted_at__isnull=True), name="containment_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_measure_display()}: {self.label}"

    @property
    def number(self) -> int | None:
        """By which every process knows it."""
        return self.barrier.number if self.barrier else None

    @property
    def milliseconds(self) -> int | None:
        """From the click to the last receipt."""
        if self.confirmed_at is None:
            return None
        return round((self.confirmed_at - self.asked_at).total_seconds() * 1000)


class Receipt(models.Model):
    """What one enforcement point has to confirm after a containment, or after it was lifted, and
    when it did. `process` names a live process of the gate."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="receipts")
    containment = models.ForeignKey(
        Containment, on_delete=models.PROTECT, null=True, related_name="receipts"
    )
    agent = models.CharField(max_length=80, blank=True)
    process = models.CharField(max_length=120, blank=True)
    removal = models.BooleanField(default=False)
    point = models.CharField(max_length=14, choices=Point.choices)
    asked_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Receipt]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["containment", "point", "process", "removal"], name="a_point_answers_once"
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
        return f"{self.point} about {self.containment}"

    @property
    def milliseconds(self) -> int | None:
        """From the click to the receipt."""
        if self.confirmed_at is None:
            return None
        return round((self.confirmed_at - self.asked_at).total_seconds() * 1000)
