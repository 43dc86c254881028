"""What was found of a process, what its owner answered, and how the council weighs it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.readiness.models.logs import Log
from apps.readiness.models.processes import Process
from apps.readiness.models.work import Work
from apps.readiness.states import InterviewStatus, Level


class Interview(models.Model):
    """A process owner's answers to the questionnaire (questions.py), and who countersigned them.
    `answers`: question -> 0 to 4; `remarks`: question -> words."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="interviews")
    status = models.CharField(
        max_length=13, choices=InterviewStatus.choices, default=InterviewStatus.ANSWERED
    )
    answers = models.JSONField()
    remarks = models.JSONField(default=dict)
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()
    judged_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    judged_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Interview]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["process", "-answered_at"], name="interview_of_process")]
        constraints = [
            models.UniqueConstraint(
                fields=["process"],
                condition=Q(status="answered"),
                name="one_interview_waits_per_process",
            ),
            models.UniqueConstraint(
                fields=["process"],
                condition=Q(status="countersigned"),
                name="one_interview_counts_per_process",
            ),
            models.CheckConstraint(
                condition=Q(judged_by__isnull=True) | ~Q(judged_by=F("answered_by")),
                name="nobody_countersigns_their_own",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        return f"RI-{self.number}"


class Assessment(Work):
    """One measurement. `inputs`: what it was measured from (digests of the log, the tables, the
    inventory, the interview, and the weights); `results`: mining's answers by name as JSON;
    `digest` binds both. `accepted_…`: who of the council let its level rise the process's."""

    PREFIX: ClassVar[str] = "RA"

    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="assessments")
    log = models.ForeignKey(Log, on_delete=models.PROTECT, null=True, related_name="assessments")
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    inputs = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    readiness = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    hours = models.FloatField(null=True)
    level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.UNKNOWN)
    blocked = models.JSONField(default=list)
    grades = models.CharField(max_length=8, blank=True)
    # For the portfolio: the eight dimensions, hours a year, and the rank among all processes, which
    # moves with every newer assessment of any of them.
    dimensions = models.JSONField(default=list)
    value = models.JSONField(null=True)
    rank_low = models.PositiveIntegerField(null=True)
    rank_high = models.PositiveIntegerField(null=True)
    accepted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    accepted_why = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Assessment]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["process", "-created_at", "-id"], name="assessment_of_process")
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="ready") | ~Q(digest=""), name="a_ready_assessment_has_a_digest"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.process}"


class Weights(Tracked):
    """The weights of the eight dimensions in force: one row, set by a council's motion. Without
    one the proposal of the design holds (mining.weights.WEIGHTS)."""

    values = models.JSONField()
    motion = models.CharField(max_length=20)
    effective_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Weights of {self.motion}"
