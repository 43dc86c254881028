from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.council.models.motions import Motion
from apps.council.states import QuestionKind, QuestionStatus


class Question(models.Model):
    """What members decide among themselves by a show of hands: whether a member is impartial on a
    motion, or whether a stopped motion goes on. `asked` are the people who may answer, as they
    were when the question was put."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="questions")
    kind = models.CharField(max_length=10, choices=QuestionKind.choices)
    about = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    put_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    asked = models.JSONField(default=list)
    put_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    status = models.CharField(
        max_length=6, choices=QuestionStatus.choices, default=QuestionStatus.OPEN
    )
    decided_at = models.DateTimeField(null=True)
    outcome_note = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager[Question]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind="stop", about__isnull=True)
                | Q(kind="impartial", about__isnull=False),
                name="a_challenge_names_a_member",
            ),
            models.CheckConstraint(
                condition=Q(about__isnull=True) | ~Q(about=F("put_by")),
                name="nobody_challenges_themselves",
            ),
            models.UniqueConstraint(
                fields=["motion", "about"],
                condition=Q(kind="impartial"),
                name="a_member_is_challenged_once_on_a_motion",
            ),
            models.UniqueConstraint(
                fields=["motion"],
                condition=Q(kind="stop", status="open"),
                name="a_motion_is_stopped_once_at_a_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "closes_at"], name="question_due")
        ]

    def __str__(self) -> str:
        if self.kind == QuestionKind.STOP:
            return f"Does {self.motion.reference} go on?"
        return f"Is {self.about} partial on {self.motion.reference}?"


class Answer(models.Model):
    """One member's hand, for good, with their reason where they gave one."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=200)
    yes = models.BooleanField()
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Answer]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["question", "user"], name="a_member_answers_a_question_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.label}: {'yes' if self.yes else 'no'}"
