"""The organisation's own reasons for a decision."""

from __future__ import annotations

from django.db import models

from apps.approvals.states import Choice
from apps.common.tracked import Tracked


class ReasonCode(Tracked):
    """A reason that can be counted. `instruction` is told to the agent with a no; people may add
    to it in their own words."""

    slug = models.SlugField()
    choice = models.CharField(max_length=8, choices=Choice.choices)
    words = models.CharField(max_length=120)
    instruction = models.CharField(max_length=300, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["choice", "slug"], name="a_reason_is_named_once")
        ]

    def __str__(self) -> str:
        return self.words
