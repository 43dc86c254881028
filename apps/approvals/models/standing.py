"""Consent given beforehand, within limits, and what it was used for."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.approvals.models.queues import Checkpoint
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.registry.models import Agent


class StandingApproval(Tracked):
    """A queue's lead consents beforehand to one agent's calls of one tool at one checkpoint:
    within limits on the arguments, for a time, for so many uses."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="standing")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    tool = models.CharField(max_length=120)
    rule_key = models.CharField(max_length=120)
    limits = models.JSONField(default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    most = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    granted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="a_standing_approval_has_an_end"
            ),
            models.CheckConstraint(
                condition=Q(most__gte=1), name="a_standing_approval_is_for_something"
            ),
        ]
        indexes = [models.Index(fields=["agent", "tool"], name="standing_by_agent")]

    def __str__(self) -> str:
        return f"{self.agent} {self.tool}, {self.checkpoint}"


class StandingUse(models.Model):
    """One action that a standing approval let through; the number is its place in the count, so
    that two at once cannot take the last one twice."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    standing = models.ForeignKey(StandingApproval, on_delete=models.PROTECT, related_name="uses")
    number = models.PositiveIntegerField()
    action_ref = models.UUIDField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[StandingUse]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["standing", "number"], name="a_use_has_a_place_of_its_own"
            )
        ]

    def __str__(self) -> str:
        return f"use {self.number}"
