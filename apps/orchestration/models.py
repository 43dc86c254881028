from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.partial import spelt_out
from apps.common.tracked import Tracked
from apps.orchestration.states import NEEDS_PERSON, Kind, RunStatus, StepStatus
from apps.registry.models import Agent


class Workflow(Tracked):
    """A definition of work that the organisation knows; its code is registered by a pilot."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    process = models.SlugField(blank=True)
    active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.title


class Run(models.Model):
    """One execution of a workflow. `eased_at` is when a person last let it go on after it had
    been stopped for going in circles: only what came after counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="runs")
    subject = models.CharField(max_length=200)
    status = models.CharField(max_length=14, choices=RunStatus.choices, default=RunStatus.QUEUED)
    wait_reason = models.CharField(max_length=20, blank=True)
    trigger = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=120, null=True, unique=True)
    requester = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    plan_version = models.PositiveIntegerField(default=1)
    outcome = models.CharField(max_length=40, blank=True)
    sentence = models.TextField(blank=True)
    created_at = models.DateTimeField()
    eased_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Run]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status__in=["succeeded", "failed", "cancelled", "rolled_back"])
                | Q(ended_at__isnull=False),
                name="an_ended_run_has_an_end",
            )
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="run_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="run_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.subject}"

    @property
    def reference(self) -> str:
        return f"R-{self.number}"

    @property
    def state(self) -> str:
        """The code of the words for people: waiting for a person, a resource or a time."""
        plain = self.status != RunStatus.WAITING or self.wait_reason not in ("resource", "timer")
        return self.status if plain else f"{self.status}_{self.wait_reason}"


class Step(models.Model):
    """One unit of a run: one tool call by one agent, through the gate; or the undoing of one that
    is done (`compensates`), with lease, key and attempts of its own. `needs` are the keys of the
    steps that come first; `code` says why a step was skipped or given back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    key = models.CharField(max_length=80)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    tool = models.CharField(max_length=120)
    arguments = models.JSONField(default=dict)
    purpose = models.TextField(blank=True)
    needs = models.JSONField(default=list)
    compensates = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="undoings"
    )
    status = models.CharField(max_length=20, choices=StepStatus.choices, default=StepStatus.READY)
    plan_version = models.PositiveIntegerField(default=1)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=5)
    fence = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    idem_key = models.CharField(max_length=64, unique=True)
    tokens = models.PositiveIntegerField(default=0)
    action_ref = models.UUIDField(null=True)
    approval_ref = models.UUIDField(null=True)
    result = models.JSONField(null=True)
    code = models.CharField(max_length=30, blank=True)
    error = models.TextField(blank=True)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    # Set on the instance that a worker has claimed: what it holds, and under which fences.
    fences: Mapping[str, int] = MappingProxyType({})

    objects: ClassVar[models.Manager[Step]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "key", "plan_version"], name="a_plan_has_a_step_once"
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False),
                name="a_running_step_is_leased",
            ),
            models.UniqueConstraint(
                fields=["compensates"],
                condition=~Q(status__in=["failed", "dead", "cancelled"]),
                name="a_step_is_undone_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["status", "not_before"],
                condition=Q(status__in=["ready", "retry_wait"]),
                name="step_due",
            ),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="step_leased"),
            models.Index(
                fields=["approval_ref"],
                condition=Q(status="awaiting_approval"),
                name="step_awaiting",
            ),
            models.Index(fields=["agent", "status"], name="step_by_agent"),
            models.Index(
                fields=["status", "-created_at"],
                condition=Q(status__in=["dead", "in_doubt", "compensation_failed"]),
                name="step_needs_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.run_id}"


# The conditions of the four partial indexes above; each stands beside the exact one in a query.
STEP_DUE = spelt_out(Step, "status", "ready", "retry_wait")
STEP_LEASED = spelt_out(Step, "status", "running")
STEP_AWAITING = spelt_out(Step, "status", "awaiting_approval")
STEP_NEEDS_PERSON = spelt_out(Step, "status", *NEEDS_PERSON)


class Resource(models.Model):
    """Something that steps hold while they work on it. The fence rises with every claim, so that a
    late writer is known by its number."""

    key = models.CharField(max_length=200, primary_key=True)
    fence = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager[Resource]] = models.Manager()

    def __str__(self) -> str:
        return self.key


class Lease(models.Model):
    """What a running step holds (`granted`), or what a waiting one asks for."""

    id = models.BigAutoField(primary_key=True)
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="leases")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="leases")
    exclusive = models.BooleanField()
    granted = models.BooleanField()
    fence = models.PositiveBigIntegerField(default=0)
    asked_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Lease]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "step"], name="a_step_asks_for_a_resource_once"
            ),
            models.UniqueConstraint(
                fields=["resource"],
                condition=Q(granted=True, exclusive=True),
                name="a_resource_is_held_by_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} for {self.step_id}"


class FieldWrite(models.Model):
    """Who wrote a field of a resource last: what contradictions are found by."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=200)
    field = models.CharField(max_length=60)
    value = models.JSONField(null=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="writes")
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[FieldWrite]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "field"], name="a_field_has_a_last_writer")
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.field}"


class Precedence(Tracked):
    """Whose work goes first where two agents want the same: set by the council's chair or an
    administrator. An agent without a row has rank 0 and does business."""

    agent = models.OneToOneField(Agent, on_delete=models.PROTECT, related_name="precedence")
    rank = models.SmallIntegerField(default=0)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BUSINESS)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rank__gte=-100, rank__lte=100), name="a_rank_is_within_a_hundred"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent} ({self.rank})"


class Pulse(models.Model):
    """When the sweep was last through: a sign of life of worker and beat."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Pulse]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"


class Outbox(models.Model):
    """A message to be sent: written in the transaction that made it necessary, so that no crash
    and no dead broker can lose it."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10)
    ref = models.UUIDField()
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Outbox]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"
