"""Known-answer items, what people made of them, and blind second looks."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.approvals.models.queues import Queue
from apps.approvals.models.requests import ApprovalRequest
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.registry.models import Agent


class Programme(Tracked):
    """The one row that says whether known-answer items are mixed in, and why."""

    on = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return "Vigilance programme"


class SeedTemplate(Tracked):
    """What to plant in past items of one action, and what the right answer is then."""

    slug = models.SlugField(unique=True)
    tool = models.CharField(max_length=120)
    title = models.CharField(max_length=200)
    edits = models.JSONField(default=list, blank=True)
    answer = models.CharField(
        max_length=8, choices=[("reject", "Reject"), ("approve", "Approve")], default="reject"
    )
    defect = models.CharField(max_length=300, blank=True)
    clue = models.CharField(max_length=300, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answer="approve") | (~Q(defect="") & ~Q(clue="")),
                name="a_planted_defect_has_a_clue",
            )
        ]

    def __str__(self) -> str:
        return self.title


class SeedStatus(models.TextChoices):
    DRAFTED = "drafted", "Waits for a second person"
    READY = "ready", "In use"
    REFUSED = "refused", "Not used"
    RETIRED = "retired", "Retired"


class Seed(models.Model):
    """A copy of a real past item with one planted defect (or none) and its right answer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    template = models.ForeignKey(SeedTemplate, on_delete=models.PROTECT, related_name="seeds")
    source = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="+")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    tool = models.CharField(max_length=120)
    risk = models.CharField(max_length=10)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    answer = models.CharField(max_length=8)
    defect = models.CharField(max_length=300, blank=True)
    clue = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=8, choices=SeedStatus.choices, default=SeedStatus.DRAFTED)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager[Seed]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["drafted", "refused"]) | Q(reviewed_by__isnull=False),
                name="a_seed_in_use_was_reviewed",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by=None) | ~Q(reviewed_by=F("made_by")),
                name="a_seed_is_reviewed_by_a_second_person",
            ),
            models.UniqueConstraint(
                fields=["template", "source"], name="an_item_is_planted_once_per_template"
            ),
        ]
        indexes = [models.Index(fields=["queue", "status"], name="seed_by_queue")]

    def __str__(self) -> str:
        return self.title


class Exposure(models.Model):
    """One known-answer item before one person, and what they made of it."""

    seed = models.ForeignKey(Seed, on_delete=models.PROTECT, related_name="exposures")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    request = models.OneToOneField(
        ApprovalRequest, on_delete=models.PROTECT, related_name="exposure"
    )
    shown_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    choice = models.CharField(max_length=8, blank=True)
    reason = models.TextField(blank=True)
    right = models.BooleanField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Exposure]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(decided_at=None, withdrawn_at=None),
                name="a_person_has_one_seed_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, right=None)
                | Q(decided_at__isnull=False, right__isnull=False),
                name="an_answered_seed_is_right_or_wrong",
            ),
        ]
        indexes = [models.Index(fields=["user", "-decided_at"], name="exposure_by_person")]

    def __str__(self) -> str:
        return f"{self.user}: {self.seed}"


class SecondLook(models.Model):
    """A decided item that another person judges blind. It changes nothing but what is known."""

    request = models.OneToOneField(
        ApprovalRequest, on_delete=models.PROTECT, related_name="second_look"
    )
    drawn_at = models.DateTimeField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    choice = models.CharField(max_length=8, blank=True)
    agrees = models.BooleanField(null=True)
    looked_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[SecondLook]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["drawn_at"], condition=Q(looked_at=None), name="second_look_to_take"
            )
        ]

    def __str__(self) -> str:
        return f"second look at {self.request_id}"
