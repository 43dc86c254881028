"""What the law asks in time, what the council said, and runs of agents elsewhere."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.ids import uuid7
from apps.incidents.models.incidents import Incident
from apps.incidents.states import ReportKind


class RegulatoryClock(models.Model):
    """A period of `clocks.CLOCKS` that runs for an incident, from when one knew of it. Met by a
    report, or set aside with a reason."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="clocks")
    code = models.CharField(max_length=20)
    aware_at = models.DateTimeField()
    due_at = models.DateTimeField()
    met_at = models.DateTimeField(null=True)
    met_words = models.TextField(blank=True)
    set_aside_at = models.DateTimeField(null=True)
    set_aside_why = models.TextField(blank=True)
    by_label = models.CharField(max_length=200, blank=True)
    # Another period of the same article took its place.
    replaced_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[RegulatoryClock]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "code"],
                condition=Q(replaced_at__isnull=True),
                name="a_clock_runs_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(met_at=None, set_aside_at=None, replaced_at=None),
                name="clock_running",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} of {self.incident.reference}"

    @property
    def is_open(self) -> bool:
        return not (self.met_at or self.set_aside_at or self.replaced_at)


class Report(models.Model):
    """What was, or is to be, told to an authority or a provider. Its text is kept as it was."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=8, choices=ReportKind.choices)
    recipient = models.CharField(max_length=200)
    body = models.JSONField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    made_by_label = models.CharField(max_length=200)
    sent_at = models.DateTimeField(null=True)
    reference = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Report]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.recipient}"


class Review(models.Model):
    """The council's meeting about an incident, or why there was none."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="reviews")
    held_at = models.DateTimeField()
    attendees = models.JSONField(default=list)
    decisions = models.TextField()
    dissent = models.TextField(blank=True)
    skipped = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    by_label = models.CharField(max_length=200)

    objects: ClassVar[models.Manager[Review]] = models.Manager()

    def __str__(self) -> str:
        return f"Review of {self.incident.reference}"


class ImportedRun(models.Model):
    """A run of an agent elsewhere, as it was recorded there; never carried out here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    batch = models.UUIDField()
    source = models.CharField(max_length=120)
    name = models.CharField(max_length=200)
    agent_words = models.TextField(blank=True)
    request = models.TextField(blank=True)
    steps = models.JSONField()
    # What people had said of it there: True for harmful, None where nobody judged.
    harmful = models.BooleanField(null=True)
    note = models.TextField(blank=True)
    digest = models.CharField(max_length=64, unique=True)
    imported_at = models.DateTimeField()
    imported_by_label = models.CharField(max_length=200)

    objects: ClassVar[models.Manager[ImportedRun]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["-imported_at", "-id"], name="imported_newest"),
            models.Index(fields=["batch"], name="imported_batch"),
        ]

    def __str__(self) -> str:
        return self.name
