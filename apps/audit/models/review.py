"""Reviews of access: who and which agent holds what, and what was decided about each right."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.ids import uuid7


class ReviewRound(models.Model):
    """One review: the rights as they stood when it began, decided one by one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    title = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    started_by_label = models.CharField(max_length=200)
    due_on = models.DateField()
    closed_at = models.DateTimeField(null=True)
    closed_by_label = models.CharField(max_length=200, blank=True)
    result_digest = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager[ReviewRound]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | ~Q(result_digest=""),
                name="a_closed_review_has_a_result",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"A-{self.number}"


class ReviewItem(models.Model):
    """One right of one holder, and what was decided about it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    round = models.ForeignKey(ReviewRound, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=12)
    ref = models.CharField(max_length=64)
    holder_kind = models.CharField(max_length=10)
    holder_id = models.CharField(max_length=64)
    holder = models.CharField(max_length=200)
    right = models.CharField(max_length=300)
    since = models.DateTimeField(null=True)
    given_by = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True)
    marks = models.JSONField(default=list)
    decision = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    decided_by_label = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[ReviewItem]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["round", "kind", "ref"], name="a_review_asks_of_a_right_once"
            ),
            models.CheckConstraint(
                condition=Q(decision__in=["", "confirmed", "revoked", "gone"]),
                name="a_right_is_confirmed_revoked_or_gone",
            ),
            models.CheckConstraint(
                condition=Q(decision="") | Q(decided_at__isnull=False),
                name="a_decided_right_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder}: {self.right}"


class AuditorNote(models.Model):
    """What an auditor wrote down about an event. Nobody else reads it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    author_id = models.BigIntegerField()
    event_id = models.UUIDField()
    text = models.TextField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[AuditorNote]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["author_id", "-at", "-id"], name="note_newest")]

    def __str__(self) -> str:
        return self.text[:80]
