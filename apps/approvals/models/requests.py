"""Questions put to people, their answers, and what they looked at."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.approvals.models.queues import Checkpoint, Queue
from apps.approvals.states import Choice, Execution, Origin, RequestStatus
from apps.common.ids import uuid7
from apps.registry.models import Agent


class RealRequests(models.Manager["ApprovalRequest"]):
    """All but known-answer items: what the gate, the clocks and every figure deal with."""

    def get_queryset(self) -> models.QuerySet[ApprovalRequest]:
        return super().get_queryset().filter(is_seed=False)


class ApprovalRequest(models.Model):
    """One question, bound to the digest of exactly what would be done. `with_seeds` is for the
    desk of a person alone: what does not name it never meets a known-answer item."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="requests")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    agent_label = models.CharField(max_length=120)
    tool = models.CharField(max_length=120)
    action_ref = models.UUIDField()
    intent_digest = models.CharField(max_length=64)
    target = models.CharField(max_length=200, blank=True)
    action_digest = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    risk = models.CharField(max_length=10, default="medium")
    status = models.CharField(
        max_length=12, choices=RequestStatus.choices, default=RequestStatus.PENDING
    )
    execution = models.CharField(max_length=14, choices=Execution.choices, default=Execution.NONE)
    approvers_needed = models.PositiveSmallIntegerField()
    rule_key = models.CharField(max_length=120, blank=True)
    rule = models.JSONField(default=dict)
    evidence = models.JSONField(default=dict)
    evidence_digest = models.CharField(max_length=64)
    requester = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    respond_by = models.DateTimeField()
    decide_by = models.DateTimeField()
    # An approval is used between these two; until the first it can be taken back.
    dispatch_at = models.DateTimeField(null=True)
    execute_by = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(null=True)
    escalate_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    lead_at = models.DateTimeField(null=True)
    lead_told_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    holder = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.GATE)
    agent_version = models.PositiveIntegerField(default=0)
    tool_pin = models.CharField(max_length=64, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    outcome_note = models.TextField(blank=True)

    is_seed = models.BooleanField(default=False)
    seed_for = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects: ClassVar[models.Manager[ApprovalRequest]] = RealRequests()
    with_seeds: ClassVar[models.Manager[ApprovalRequest]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(is_seed=False) | Q(execution="none", execute_by=None),
                name="a_seed_is_never_carried_out",
            ),
            models.CheckConstraint(
                condition=Q(is_seed=False, seed_for=None) | Q(is_seed=True, seed_for__isnull=False),
                name="a_seed_is_for_one_person",
            ),
            models.UniqueConstraint(
                fields=["action_ref", "intent_digest"],
                condition=Q(status="pending"),
                name="an_action_has_one_open_request",
            ),
            models.CheckConstraint(
                condition=Q(status="pending") | Q(decided_at__isnull=False),
                name="a_decided_request_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(status="pending") | Q(holder__isnull=True),
                name="a_claim_ends_with_the_request",
            ),
            models.CheckConstraint(
                condition=~Q(execution="dispatched") | Q(status="approved"),
                name="only_what_was_approved_is_dispatched",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "decide_by", "id"],
                condition=Q(status="pending"),
                name="request_open_by_due",
            ),
            models.Index(
                fields=["decide_by", "id"], condition=Q(status="pending"), name="request_to_expire"
            ),
            models.Index(
                fields=["-created_at"], condition=Q(status="pending"), name="request_open_newest"
            ),
            models.Index(fields=["agent", "status"], name="request_by_agent"),
            models.Index(fields=["-created_at", "-id"], name="request_newest"),
            models.Index(fields=["action_ref"], name="request_by_action"),
            models.Index(
                fields=["tool", "rule_key", "-decided_at"],
                condition=Q(decided_at__isnull=False),
                name="request_alike",
            ),
            models.Index(fields=["agent", "intent_digest"], name="request_by_intent"),
            models.Index(fields=["target", "-created_at"], name="request_by_target"),
            models.Index(
                fields=["lease_until"],
                condition=Q(status="pending", holder__isnull=False),
                name="request_claim_lapses",
            ),
            models.Index(
                fields=["-decided_at", "-id"],
                condition=Q(decided_at__isnull=False),
                name="request_decided_newest",
            ),
            models.Index(
                fields=["escalate_at"],
                condition=Q(status="pending", escalated_at__isnull=True),
                name="request_to_escalate",
            ),
            models.Index(
                fields=["lead_at"],
                condition=Q(status="pending", lead_told_at__isnull=True),
                name="request_to_lead",
            ),
            models.Index(
                fields=["dispatch_at"],
                condition=Q(status="approved", execution="none"),
                name="request_to_dispatch",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"C-{self.number}"


class RequestCheckpoint(models.Model):
    """One checkpoint that the request must pass, as the rule stood when it was asked. `chain` is
    the snapshot of whom it escalates to (queue ids, at most two); as it escalates, the second and
    the third queue are set from it, and from then on their people may decide as well."""

    request = models.ForeignKey(
        ApprovalRequest, on_delete=models.CASCADE, related_name="checkpoints"
    )
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="+")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="+")
    second_queue = models.ForeignKey(
        Queue, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    third_queue = models.ForeignKey(
        Queue, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    chain = models.JSONField(default=list)
    needed = models.PositiveSmallIntegerField()

    objects: ClassVar[models.Manager[RequestCheckpoint]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "checkpoint"], name="a_checkpoint_is_asked_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.checkpoint_id} ({self.needed})"


class Vote(models.Model):
    """One person's answer, with the digest that was on the screen; frozen with it are the voter's
    queues and everybody who had a conflict. `void` once it stopped counting: the row stays."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="votes")
    voter = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    voter_label = models.CharField(max_length=200)
    on_behalf_of = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    choice = models.CharField(max_length=8, choices=Choice.choices)
    reason = models.TextField()
    digest = models.CharField(max_length=64)
    reason_code = models.CharField(max_length=40, blank=True)
    queues = models.JSONField(default=list)
    barred = models.JSONField(default=dict)
    cast_at = models.DateTimeField()
    bulk_id = models.UUIDField(null=True)
    void = models.BooleanField(default=False)
    void_reason = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Vote]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "voter"],
                condition=Q(void=False),
                name="a_person_votes_once",
            )
        ]
        indexes = [models.Index(fields=["voter", "-cast_at"], name="vote_by_voter")]

    def __str__(self) -> str:
        return f"{self.voter_label}: {self.choice}"


class Snooze(models.Model):
    """A request that a person does not want to see for a while. No clock stops for it."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="snoozes")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    objects: ClassVar[models.Manager[Snooze]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "user"], name="a_person_snoozes_a_request_once"
            )
        ]

    def __str__(self) -> str:
        return f"until {self.until}"


class Look(models.Model):
    """When a person first opened a request, and how often: what they saw before they decided."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="looks")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    seconds = models.PositiveIntegerField(default=0)
    expanded = models.JSONField(default=list, blank=True)

    objects: ClassVar[models.Manager[Look]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "user"], name="a_person_has_one_look_row")
        ]

    def __str__(self) -> str:
        return f"{self.times} times"
