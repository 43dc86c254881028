from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.council.states import CommentKind, Kind, MotionClass, MotionStatus, ObjectionStatus
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent


class Motion(models.Model):
    """One question put to the council. The packet is what members read; ballots are cast on its
    digest. `matter` is the digest of what would change, and stays when a packet is made anew."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    klass = models.CharField(max_length=16, choices=MotionClass.choices)
    status = models.CharField(
        max_length=12, choices=MotionStatus.choices, default=MotionStatus.DRAFT
    )
    title = models.CharField(max_length=200)
    rationale = models.TextField(blank=True)
    proposer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    seconder = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, null=True, related_name="motions"
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="motions")
    subject = models.CharField(max_length=200, blank=True)
    payload = models.JSONField(default=dict)
    packet = models.JSONField(default=dict)
    packet_digest = models.CharField(max_length=64, blank=True)
    loosens = models.BooleanField(default=False)
    round = models.PositiveSmallIntegerField(default=0)
    extended = models.BooleanField(default=False)
    misses = models.PositiveSmallIntegerField(default=0)
    matter = models.CharField(max_length=64, blank=True)
    stopped_matter = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    comment_ends_at = models.DateTimeField(null=True)
    ballot_opened_at = models.DateTimeField(null=True)
    ballot_closes_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    effective_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    outcome_note = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Motion]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status="ballot")
                | Q(ballot_closes_at__isnull=False, ballot_opened_at__isnull=False),
                name="a_ballot_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(effective_at__isnull=False),
                name="a_waiting_motion_has_its_day",
            ),
            models.CheckConstraint(
                condition=Q(seconder__isnull=True) | ~Q(seconder=F("proposer")),
                name="nobody_seconds_themselves",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "-created_at", "-id"], name="motion_by_status"),
            models.Index(fields=["-created_at", "-id"], name="motion_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"M-{self.number}"


class Declaration(models.Model):
    """A member's own word that they will not vote on a motion: they are not impartial, or away and
    leave it to their alternate."""

    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="declarations")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    away = models.BooleanField(default=False)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Declaration]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["motion", "user"], name="a_member_declares_once")
        ]

    def __str__(self) -> str:
        return self.reason


class Comment(models.Model):
    """What members say of a motion. An objection must be answered before a ballot can open."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    author_label = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=CommentKind.choices)
    text = models.TextField()
    at = models.DateTimeField()
    packet_digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=ObjectionStatus.choices, blank=True)
    answer = models.TextField(blank=True)
    answer_kind = models.CharField(max_length=10, blank=True)
    answered_by_label = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Comment]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status="answered") | ~Q(answer=""),
                name="an_answered_objection_has_an_answer",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["motion", "at", "id"], name="comment_in_order")
        ]

    def __str__(self) -> str:
        return self.text[:80]
