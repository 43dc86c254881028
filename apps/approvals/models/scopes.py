"""How much people look at, per capability of an agent's version, and what that has shown."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.approvals.models.queues import Queue
from apps.approvals.models.requests import ApprovalRequest
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.registry.models import Agent
from apps.registry.states import Risk


class Scope(Tracked):
    """One capability of one version of an agent at one risk. No row means L1: people see every
    action. `held` puts everything before people again without touching what was earned."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="scopes")
    agent_version = models.PositiveIntegerField()
    tool = models.CharField(max_length=120)
    risk = models.CharField(max_length=10, choices=Risk.choices)
    level = models.PositiveSmallIntegerField(default=1)
    held = models.BooleanField(default=False)
    held_reason = models.CharField(max_length=300, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "agent_version", "tool", "risk"], name="a_scope_stands_once"
            ),
            models.CheckConstraint(condition=Q(level__lte=4), name="a_level_is_at_most_four"),
            models.CheckConstraint(
                condition=~Q(risk="critical") | Q(level__lte=1),
                name="critical_risk_is_always_reviewed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent.slug}@{self.agent_version} {self.tool} ({self.risk})"


class SeenTrait(models.Model):
    """How many reviewed actions of a scope had this trait; what is rarer is always reviewed."""

    scope = models.ForeignKey(Scope, on_delete=models.CASCADE, related_name="traits")
    trait = models.CharField(max_length=200)
    reviewed = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[SeenTrait]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "trait"], name="a_trait_is_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.trait}: {self.reviewed}"


class Skipped(models.Model):
    """An action that no person saw beforehand, because the draw did not select it: kept with what
    the gate knew, for somebody to look at later."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    action_ref = models.UUIDField(unique=True)
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="skipped")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="+")
    agent_label = models.CharField(max_length=120)
    tool = models.CharField(max_length=120)
    risk = models.CharField(max_length=10)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    percent = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True)
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    severity = models.CharField(max_length=10, blank=True)
    note = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Skipped]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reviewed_at=None, severity="")
                | (Q(reviewed_at__isnull=False) & ~Q(severity="")),
                name="a_reviewed_skip_has_a_severity",
            )
        ]
        indexes = [
            models.Index(
                fields=["queue", "-at", "-id"],
                condition=Q(reviewed_at=None),
                name="skipped_to_review",
            ),
            models.Index(fields=["-at", "-id"], name="skipped_newest"),
        ]

    def __str__(self) -> str:
        return self.title


class Finding(models.Model):
    """What one action showed about its scope. Only a `random` review (or one of a scope under
    full review) speaks for it; everything else speaks against it alone."""

    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="findings")
    action_ref = models.UUIDField()
    origin = models.CharField(
        max_length=10, choices=[("random", "Drawn review"), ("later", "Later review")]
    )
    request = models.ForeignKey(
        ApprovalRequest, on_delete=models.PROTECT, null=True, related_name="+"
    )
    severity = models.CharField(max_length=10)
    loss = models.DecimalField(max_digits=3, decimal_places=2)
    at = models.DateTimeField()
    by_label = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Finding]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["action_ref", "origin"], name="an_action_shows_one_thing_per_origin"
            )
        ]
        indexes = [models.Index(fields=["scope", "at"], name="finding_by_scope")]

    def __str__(self) -> str:
        return f"{self.severity} ({self.origin})"
