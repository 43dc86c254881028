"""Insert-only: the order of the events, their seals, and the signed checkpoints over them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from apps.common.canonical import digest

START = "0" * 64


class SealEntry(models.Model):
    """One event's place. `seq` has no gaps; only the sealer gives it."""

    seq = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    digest = models.CharField(max_length=64)

    objects: ClassVar[models.Manager[SealEntry]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.seq}"


class Chained(models.Model):
    """A row whose hash covers every other field, among them the hash of the row before."""

    UNHASHED: ClassVar[frozenset[str]] = frozenset({"hash", "signature"})

    prev_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        abstract = True

    def content(self) -> dict[str, Any]:
        return {
            field.attname: getattr(self, field.attname)
            for field in self._meta.concrete_fields
            if field.attname not in self.UNHASHED
        }

    def computed_hash(self) -> str:
        return digest(self.content())


class Seal(Chained):
    """A batch of entries. `key` and `signature` are "" where no key could be read."""

    number = models.BigIntegerField(primary_key=True)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField(unique=True)
    count = models.PositiveIntegerField()
    merkle_root = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()
    key = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=128, blank=True)

    objects: ClassVar[models.Manager[Seal]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(count=models.F("last_seq") - models.F("first_seq") + 1),
                name="a_seal_counts_its_entries",
            )
        ]
        indexes = [models.Index(fields=["sealed_at"], name="seal_by_moment")]

    def __str__(self) -> str:
        return f"Seal {self.number}"


class Checkpoint(Chained):
    """The signed note over the first `size` entries. `frontier` lets the next one go on."""

    UNHASHED = frozenset({"hash"})

    number = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=10)
    at = models.DateTimeField()
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    frontier = models.JSONField()
    key = models.CharField(max_length=64)
    note = models.TextField()

    objects: ClassVar[models.Manager[Checkpoint]] = models.Manager()

    def __str__(self) -> str:
        return f"Checkpoint {self.number}"

    @property
    def file_name(self) -> str:
        return f"checkpoint-{self.number:08d}.txt"


class Cosignature(models.Model):
    """The line that a second key holder put under a checkpoint (C2SP cosignature/v1)."""

    checkpoint_number = models.BigIntegerField()
    key = models.CharField(max_length=64)
    line = models.TextField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Cosignature]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["checkpoint_number", "key"], name="a_holder_cosigns_once"
            )
        ]

    def __str__(self) -> str:
        return f"Cosignature of checkpoint {self.checkpoint_number}"
