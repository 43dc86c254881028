from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.policies.states import VersionStatus


class Policy(Tracked):
    """A named set of rules; its versions carry the text."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    purpose = models.TextField(blank=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="policies")

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.title


class PolicyVersion(Tracked):
    """One version: formatted Cedar text, immutable as soon as it is proposed."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    status = models.CharField(
        max_length=12, choices=VersionStatus.choices, default=VersionStatus.DRAFT
    )
    author_label = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="a_version_is_numbered_once"),
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(status__in=["in_force", "suspended"]),
                name="a_policy_has_one_version_in_force",
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(status="draft"),
                name="a_policy_has_one_draft",
            ),
            models.CheckConstraint(
                condition=~Q(status="in_force") | Q(activated_at__isnull=False),
                name="a_version_in_force_began_at_some_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.title} v{self.number}"


class PolicyStamp(models.Model):
    """One row whose number moves whenever what is in force changes."""

    number = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager[PolicyStamp]] = models.Manager()

    def __str__(self) -> str:
        return str(self.number)


class JudgedRequest(models.Model):
    """The exact request that was judged, so that any draft can be replayed over the past. The
    layers above mark it with the person's answer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    agent_slug = models.CharField(max_length=60)
    tool = models.CharField(max_length=120)
    request = models.JSONField()
    request_digest = models.CharField(max_length=64)
    effect = models.CharField(max_length=10)
    rules = models.JSONField(default=list)
    policy_versions = models.JSONField(default=dict)
    policy_digest = models.CharField(max_length=64)
    answer = models.CharField(max_length=12, blank=True)
    answered_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[JudgedRequest]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["-at", "-id"], name="judged_newest"),
            models.Index(
                fields=["effect", "-at", "-id"],
                condition=Q(effect__in=["deny", "review"]),
                name="judged_by_effect",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} by {self.agent_slug}: {self.effect}"
