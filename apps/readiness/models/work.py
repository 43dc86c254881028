"""What a worker reads or computes, with how far it is; leased and fenced like any such work."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from apps.common.ids import uuid7
from apps.readiness.states import UNDER_WAY, WorkStatus


class Work(models.Model):
    """`asked_by_id` is no foreign key: a record outlives the person who asked for it. `done` and
    `total` are for the progress bar; `note` says what is being done."""

    PREFIX: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=WorkStatus.choices, default=WorkStatus.QUEUED)
    asked_by_id = models.BigIntegerField()
    asked_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=1_000)
    note = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        abstract = True

    @property
    def reference(self) -> str:
        return f"{self.PREFIX}-{self.number}"

    @property
    def under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def ready(self) -> bool:
        return self.status == WorkStatus.READY
