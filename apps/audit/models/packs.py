"""An evidence pack: what was asked for, how far its building is, and what was built."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.audit.states import PackStatus
from apps.common.ids import uuid7


class EvidencePack(models.Model):
    """`requested_by_id` is no foreign key: a pack outlives the person who asked for it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    control = models.CharField(max_length=20)
    title = models.CharField(max_length=160)
    statement = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    sample_size = models.PositiveIntegerField()
    seed = models.CharField(max_length=40)
    requested_by_id = models.BigIntegerField()
    requested_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=PackStatus.choices, default=PackStatus.QUEUED)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    report = models.JSONField(default=dict)
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    objects: ClassVar[models.Manager[EvidencePack]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["-created_at", "-id"], name="pack_newest")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="ready") | ~Q(sha256=""), name="a_ready_pack_has_a_digest"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.title}"

    @property
    def reference(self) -> str:
        return f"EP-{self.number}"

    @property
    def path(self) -> Path:
        return Path(settings.LEDGER["PACK_DIR"]) / f"{self.reference}-{self.pk.hex}.zip"

    @property
    def file_name(self) -> str:
        return f"{self.reference}.zip"
