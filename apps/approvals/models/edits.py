"""What people made of a question: another call, or the same one once more."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.approvals.models.requests import ApprovalRequest
from apps.common.ids import uuid7


class Edit(models.Model):
    """A call that a person put in the place of the one that was asked about. It is told upward by
    the request's end; the gate judges it as a new action and notes that it took it up."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="edit")
    editor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    editor_label = models.CharField(max_length=200)
    tool = models.CharField(max_length=120)
    before = models.JSONField()
    arguments = models.JSONField()
    reason = models.TextField()
    made_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    taken_ref = models.UUIDField(null=True)

    objects: ClassVar[models.Manager[Edit]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(taken_at__isnull=True) | Q(taken_ref__isnull=False),
                name="an_edit_taken_up_names_its_action",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tool} by {self.editor_label}"


class Reopening(models.Model):
    """Somebody asks that a request whose time ran out be put anew. The gate judges the wish again
    and puts a new question, which names the old one."""

    request = models.OneToOneField(
        ApprovalRequest, on_delete=models.PROTECT, related_name="reopening"
    )
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    made_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    sentence = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager[Reopening]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["made_at"], condition=Q(taken_at__isnull=True), name="reopening_to_take"
            )
        ]

    def __str__(self) -> str:
        return f"{self.request_id} by {self.by_id}"
