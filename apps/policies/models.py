from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.policies.states import BacktestStatus, CaseOrigin, VersionStatus


class Policy(Tracked):
    """A named set of rules; its versions carry the text."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    purpose = models.TextField(blank=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="policies")
    review_by = models.DateField(null=True, blank=True)

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
    author = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    author_label = models.CharField(max_length=200, blank=True)
    claim = models.JSONField(default=dict, blank=True)
    shadow_since = models.DateTimeField(null=True, blank=True)
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


class PolicyCase(Tracked):
    """A test stored with the policy: a request, and the verdict that the rules must give when the
    agent holds the permission."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="cases")
    name = models.CharField(max_length=200)
    request = models.JSONField()
    expected = models.CharField(max_length=10)
    origin = models.CharField(max_length=10, choices=CaseOrigin.choices, default=CaseOrigin.AUTHOR)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expected__in=["allow", "deny", "review"]),
                name="a_case_expects_a_verdict",
            )
        ]

    def __str__(self) -> str:
        return self.name


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
            models.Index(fields=["at", "id"], name="judged_newest"),
            models.Index(
                fields=["effect", "at", "id"],
                condition=Q(effect__in=["deny", "review"]),
                name="judged_by_effect",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} by {self.agent_slug}: {self.effect}"


class ShadowFlip(models.Model):
    """A live action that a version running in shadow would have decided otherwise."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="shadow")
    judged_id = models.UUIDField()
    agent_slug = models.CharField(max_length=60)
    tool = models.CharField(max_length=120)
    before = models.CharField(max_length=10)
    after = models.CharField(max_length=10)
    kind = models.CharField(max_length=120, blank=True)
    terms_before = models.CharField(max_length=200, blank=True)
    terms_after = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[ShadowFlip]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["version", "-at", "-id"], name="shadow_newest")]

    def __str__(self) -> str:
        return f"{self.tool} by {self.agent_slug}: {self.before} → {self.after}"


class Backtest(models.Model):
    """A draft replayed over recorded requests. `last_at` and `last_id` are up to where the window
    is given out in stretches, `planned` how many requests that is; `done` is what is reported."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="backtests")
    text_digest = models.CharField(max_length=64)
    base_digest = models.CharField(max_length=64)
    status = models.CharField(
        max_length=10, choices=BacktestStatus.choices, default=BacktestStatus.QUEUED
    )
    since = models.DateTimeField()
    until = models.DateTimeField()
    most = models.PositiveIntegerField()
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(null=True)
    last_id = models.UUIDField(null=True)
    planned = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    summary = models.JSONField(default=dict)
    blocking = models.PositiveIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    requested_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Backtest]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status__in=["done", "cancelled", "failed"])
                | Q(ended_at__isnull=False),
                name="an_ended_backtest_has_an_end",
            )
        ]

    def __str__(self) -> str:
        return f"Backtest of {self.version}"

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0


class BacktestStretch(models.Model):
    """A part of a backtest's window that one process works on: the `size` requests that come next,
    newest first, after `first_at` and `first_id` (null: from the window's newest on)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    backtest = models.ForeignKey(Backtest, on_delete=models.CASCADE, related_name="stretches")
    number = models.PositiveIntegerField()
    first_at = models.DateTimeField(null=True)
    first_id = models.UUIDField(null=True)
    size = models.PositiveIntegerField()
    lease_until = models.DateTimeField()
    fence = models.PositiveIntegerField(default=0)
    done = models.BooleanField(default=False)
    flips = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[BacktestStretch]] = models.Manager()

    class Meta:
        verbose_name_plural = "backtest stretches"
        constraints = [
            models.UniqueConstraint(
                fields=["backtest", "number"], name="a_stretch_is_given_out_once"
            )
        ]

    def __str__(self) -> str:
        return f"Part {self.number} of {self.backtest}"


class BacktestFlip(models.Model):
    """One recorded action that would have been decided otherwise."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    backtest = models.ForeignKey(Backtest, on_delete=models.CASCADE, related_name="flips")
    judged_id = models.UUIDField()
    at = models.DateTimeField()
    agent_slug = models.CharField(max_length=60)
    tool = models.CharField(max_length=120)
    before = models.CharField(max_length=10)
    after = models.CharField(max_length=10)
    kind = models.CharField(max_length=120, blank=True)
    terms_before = models.CharField(max_length=200, blank=True)
    terms_after = models.CharField(max_length=200, blank=True)
    answer = models.CharField(max_length=12, blank=True)
    blocking = models.BooleanField(default=False)
    amount = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[BacktestFlip]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["backtest", "-blocking", "-at", "-id"], name="flip_newest")]

    def __str__(self) -> str:
        return f"{self.tool} by {self.agent_slug}: {self.before} → {self.after}"
