"""What finds events, and what people keep of their searches."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlencode

from django.db import models

from apps.access.models import User
from apps.common.ids import uuid7


class TrailEntry(models.Model):
    """An event that the index of words knows. `number` is its moment in microseconds and a count
    within it, so that the order of numbers is the order of time (indexing.py)."""

    number = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)

    objects: ClassVar[models.Manager[TrailEntry]] = models.Manager()

    def __str__(self) -> str:
        return str(self.event_id)


class TrailState(models.Model):
    """One row: how far the index has come. Locked while somebody writes it."""

    entries = models.PositiveBigIntegerField(default=0)
    newest_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[TrailState]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.entries} events, the newest of {self.newest_at}"


class SavedView(models.Model):
    """A search that somebody kept, with the columns to show; shared with every reader or not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    owner_label = models.CharField(max_length=200)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2_000, blank=True)
    columns = models.JSONField(default=list)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[SavedView]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="a_person_names_a_view_once")
        ]
        indexes = [models.Index(fields=["shared", "name"], name="view_shared")]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The query string of the page that shows the view."""
        return urlencode({"q": self.query, "columns": self.columns}, doseq=True)
