"""Asking back, and what one shift tells the next."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.approvals.models.queues import Queue
from apps.approvals.models.requests import ApprovalRequest
from apps.common.ids import uuid7


class Question(models.Model):
    """Something that an approver has to know first. The request waits meanwhile, in sight of all,
    and its clock goes on."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="questions")
    asker = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked = models.ForeignKey(User, on_delete=models.PROTECT, related_name="questions_asked")
    text = models.TextField()
    at = models.DateTimeField()
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Question]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | ~Q(answer=""),
                name="an_answer_says_something",
            )
        ]
        indexes = [
            models.Index(
                fields=["request"], condition=Q(answered_at__isnull=True), name="question_open"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Handover(models.Model):
    """What one shift tells the next about a queue."""

    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="handovers")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Handover]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["queue", "-at"], name="handover_newest")]

    def __str__(self) -> str:
        return self.text[:80]
