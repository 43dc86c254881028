from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.tracked import Tracked
from apps.council.states import Function


class Seat(Tracked):
    """A department's place on the council: who sits, in which function, from when to when."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="seats")
    function = models.CharField(max_length=12, choices=Function.choices)
    alternate = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_for_cause = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(ends_at__isnull=True),
                name="a_person_holds_one_seat",
            ),
            models.CheckConstraint(
                condition=Q(alternate__isnull=True) | ~Q(alternate=F("user")),
                name="nobody_is_their_own_alternate",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_function_display()})"


class Charter(Tracked):
    """The council's own rules: one row, changed by a constitutional motion only."""

    values = models.JSONField(default=dict)

    def __str__(self) -> str:
        return "Council rules"
