"""Who was trained for what, and until when."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.tracked import Tracked
from apps.registry.states import Risk


class TrainingRecord(Tracked):
    """A person was trained to decide up to a risk, until a day. Missing known-answer items takes
    a risk away; a new record, after retraining, gives it back."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="training")
    most_risk = models.CharField(max_length=10, choices=Risk.choices)
    course = models.CharField(max_length=200)
    given_by_label = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("starts_at")),
                name="a_training_expires_after_it_starts",
            )
        ]
        indexes = [models.Index(fields=["user", "expires_at"], name="training_by_person")]

    def __str__(self) -> str:
        return f"{self.user}: up to {self.most_risk}"
