"""A verification that somebody or beat asked for, and what it found."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.ids import uuid7
from apps.ledger.states import VerificationStatus


class Verification(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    status = models.CharField(
        max_length=10, choices=VerificationStatus.choices, default=VerificationStatus.QUEUED
    )
    asked_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Verification]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["-created_at", "-id"], name="verification_newest")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status__in=["intact", "broken", "failed"]) | Q(ended_at__isnull=False),
                name="an_ended_verification_has_an_end",
            )
        ]

    def __str__(self) -> str:
        return f"Verification of {self.created_at:%Y-%m-%d %H:%M} UTC"
