"""Queues, whom they are entrusted to, stand-ins, checkpoints."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from guardian.models import UserObjectPermissionBase

from apps.access.models import User
from apps.approvals.models.calendars import Calendar
from apps.approvals.states import OnTimeout
from apps.common.tracked import Tracked
from apps.registry.states import Risk


class Queue(Tracked):
    """A pile of questions that certain people are entrusted with."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField(blank=True)
    escalates_to = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lead = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    calendar = models.ForeignKey(
        Calendar, on_delete=models.PROTECT, null=True, blank=True, related_name="queues"
    )
    # The last resort, where everybody else has a conflict: its people are the council's members.
    council = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(escalates_to__isnull=True) | ~Q(escalates_to=F("id")),
                name="a_queue_does_not_escalate_to_itself",
            )
        ]
        permissions = [("decide_queue", "Decide on the requests of the queue")]

    def __str__(self) -> str:
        return self.name


class QueueUserObjectPermission(UserObjectPermissionBase):  # type: ignore[misc]
    """An approver's right over a queue, by a direct foreign key."""

    content_object = models.ForeignKey(Queue, on_delete=models.CASCADE)


class Delegation(Tracked):
    """One approver stands in for another, for a time, up to a risk. It lends the giver's own
    rights only, and nothing that was lent to the giver."""

    giver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    taker = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    queue = models.ForeignKey(
        Queue, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    most_risk = models.CharField(max_length=10, choices=Risk.choices, default=Risk.MEDIUM)
    reason = models.CharField(max_length=300)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(giver=F("taker")), name="nobody_stands_in_for_themselves"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="a_delegation_ends_after_it_starts"
            ),
        ]
        indexes = [models.Index(fields=["taker", "ends_at"], name="delegation_by_taker")]

    def __str__(self) -> str:
        return f"{self.taker} for {self.giver}"


class Checkpoint(Tracked):
    """What a policy's @checkpoint names: the queue, and the defaults that a rule may tighten."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="checkpoints")
    approvers = models.PositiveSmallIntegerField(default=1)
    respond_within = models.PositiveIntegerField(default=3600)
    decide_within = models.PositiveIntegerField(default=14_400)
    execute_within = models.PositiveIntegerField(default=86_400)
    on_timeout = models.CharField(
        max_length=10, choices=OnTimeout.choices, default=OnTimeout.EXPIRE
    )
    fallback = models.ForeignKey(
        Queue, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    unsatisfiable_at = models.DateTimeField(null=True, blank=True)
    hard = models.BooleanField(default=True)
    rate = models.PositiveSmallIntegerField(default=100)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gte=1, rate__lte=100), name="a_rate_is_a_percentage_above_zero"
            ),
            models.CheckConstraint(
                condition=Q(approvers__gte=1), name="a_checkpoint_needs_somebody"
            ),
        ]

    def __str__(self) -> str:
        return self.title
