from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.common.ids import uuid7
from apps.incidents.models.incidents import Incident
from apps.incidents.states import ItemStatus
from apps.runtime.models import Action


class Rollback(models.Model):
    """Everything that one agent did in a window, to be taken back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="rollbacks")
    agent = models.CharField(max_length=80)
    since = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.TextField()
    at = models.DateTimeField()
    by_label = models.CharField(max_length=200)

    objects: ClassVar[models.Manager[Rollback]] = models.Manager()

    def __str__(self) -> str:
        return f"What {self.agent} did from {self.since:%H:%M} to {self.until:%H:%M} UTC"


class RollbackItem(models.Model):
    """One action of a rollback, and what came of it."""

    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="items")
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveIntegerField()
    what = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=8, choices=ItemStatus.choices)
    words = models.CharField(max_length=300, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[RollbackItem]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rollback", "action"], name="an_action_goes_back_once")
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(status__in=["waiting", "doing"]),
                name="rollback_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.status})"
