"""Files that were read: event logs and tables."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.readiness.models.processes import Process, Source
from apps.readiness.models.work import Work


class Log(Work):
    """An event log of a process. The upload stays as it came, with its digest; what was read of
    it lies beside it in columns, so that an assessment need not read it again."""

    PREFIX: ClassVar[str] = "EL"

    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="logs")
    file_name = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    mapping = models.JSONField(default=dict, blank=True)
    object_type = models.CharField(max_length=200, blank=True)
    reading = models.CharField(max_length=64)  # digest of file, mapping and object type
    object_types = models.JSONField(default=dict, blank=True)  # of an OCEL file, how many each
    attributes = models.JSONField(default=dict)  # mining.EventLog's, "case" and "event"
    events = models.PositiveBigIntegerField(default=0)
    cases = models.PositiveBigIntegerField(default=0)
    activities = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    faults = models.JSONField(default=list)
    fault_counts = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Log]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["process", "-created_at", "-id"], name="log_of_process")]
        constraints = [
            models.UniqueConstraint(
                fields=["process", "reading"],
                condition=Q(status__in=["queued", "working", "ready"]),
                name="a_file_is_read_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.file_name}"

    @property
    def upload(self) -> Path:
        return Path(settings.READINESS["DIR"]) / f"{self.pk.hex}.upload"

    @property
    def columns(self) -> Path:
        return Path(settings.READINESS["DIR"]) / f"{self.pk.hex}.parquet"


class Table(Work):
    """A table of a source, held against the source's rules of that moment."""

    PREFIX: ClassVar[str] = "DT"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="tables")
    file_name = models.CharField(max_length=200)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    rules = models.JSONField(default=list)
    rows = models.PositiveBigIntegerField(default=0)
    quality = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Table]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["source", "-created_at", "-id"], name="table_of_source")]

    def __str__(self) -> str:
        return f"{self.reference}: {self.file_name}"

    @property
    def upload(self) -> Path:
        return Path(settings.READINESS["DIR"]) / f"{self.pk.hex}.table"


class Mapping(models.Model):
    """Which column was what, the last time a file with these columns came for this process."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="mappings")
    header = models.CharField(max_length=64)  # digest of the columns' names
    mapping = models.JSONField()
    used_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Mapping]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "header"], name="one_mapping_per_header")
        ]

    def __str__(self) -> str:
        return f"{self.process}: {self.mapping}"
