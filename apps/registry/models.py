from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from guardian.models import UserObjectPermissionBase

from apps.access.models import Department, User
from apps.common.tracked import Tracked
from apps.registry.rules import ToolSpec
from apps.registry.states import (
    AgentStatus,
    BarrierMeasure,
    DataClass,
    Executor,
    Kind,
    Risk,
    ToolEffect,
    ToolStatus,
)


class Agent(Tracked):
    """A registered digital worker, with the person who answers for it."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.NATIVE)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="agents")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    sponsor = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="agents")
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=AgentStatus.choices, default=AgentStatus.DRAFT)
    risk_tier = models.CharField(max_length=10, choices=Risk.choices, default=Risk.MEDIUM)
    data_classes = models.JSONField(default=list)
    roles = models.JSONField(default=list, blank=True)
    environment = models.CharField(max_length=20, default="production")
    planner = models.CharField(max_length=60, default="rules", blank=True)
    model_name = models.CharField(max_length=60, blank=True)
    review_due_on = models.DateField(null=True, blank=True)
    hold = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        permissions = [("own_agent", "Suspend the agent and rotate its credentials")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=AgentStatus.values), name="an_agent_has_a_known_status"
            )
        ]
        indexes = [models.Index(fields=["status", "name"], name="agent_by_status")]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return f"{self.slug}@{self.version}"


class AgentUserObjectPermission(UserObjectPermissionBase):  # type: ignore[misc]
    """Object rights by a direct foreign key: a generic table becomes slow where rows are many."""

    content_object = models.ForeignKey(Agent, on_delete=models.CASCADE)


class AgentCredential(Tracked):
    """A key of an agent. Only its digest is kept; the key itself is shown once."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="credentials")
    label = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list, blank=True)
    created_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    not_before = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.TextField(blank=True)
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("not_before")), name="a_key_expires_after_it_begins"
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} (agk_{self.prefix}…)"


class CredentialUse(models.Model):
    """When a key was last seen: written at most once a minute, and no part of its history."""

    credential = models.OneToOneField(
        AgentCredential, on_delete=models.CASCADE, primary_key=True, related_name="use"
    )
    last_used_at = models.DateTimeField()
    last_used_ip = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager[CredentialUse]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.credential_id} at {self.last_used_at}"


class Tool(Tracked):
    """Something an agent can do to a system, pinned to the letter."""

    name = models.CharField(max_length=120, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField()
    input_schema = models.JSONField()
    output_schema = models.JSONField(default=dict, blank=True)
    facts_schema = models.JSONField(default=dict, blank=True)
    effect = models.CharField(max_length=12, choices=ToolEffect.choices)
    data_class = models.CharField(max_length=10, choices=DataClass.choices)
    resource_keys = models.JSONField(default=list, blank=True)
    compensation = models.CharField(max_length=120, blank=True)
    executor = models.CharField(max_length=10, choices=Executor.choices)
    idempotent = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=ToolStatus.choices, default=ToolStatus.ACTIVE)
    hold = models.CharField(max_length=20, blank=True)
    pin = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            facts_schema=self.facts_schema,
            effect=self.effect,
            data_class=self.data_class,
            resource_keys=tuple(self.resource_keys),
            compensation=self.compensation,
            executor=self.executor,
            idempotent=self.idempotent,
        )


class ReferenceList(Tracked):
    """Values that the organisation knows (approved payees, own domains, cost centres). A tool's
    facts schema may ask whether an argument is on one."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    values = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.title


class Grant(Tracked):
    """One agent's permission for one tool, on a scope of arguments, until a day."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="grants")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="grants")
    scope = models.JSONField(default=dict, blank=True)
    process = models.SlugField(blank=True)
    granted_by_label = models.CharField(max_length=200)
    reason = models.TextField()
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "tool"],
                condition=Q(revoked_at__isnull=True),
                name="an_agent_holds_a_tool_once",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("starts_at")), name="a_grant_expires_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} for {self.agent}"


class Barrier(Tracked):
    """What a responder to an incident keeps from happening, until it is lifted or its time is
    over. Every place that is named has to match; the gate reads this before every action."""

    number = models.PositiveBigIntegerField(unique=True)
    by = models.CharField(max_length=20)
    measure = models.CharField(max_length=4, choices=BarrierMeasure.choices)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="barriers")
    tool = models.CharField(max_length=120, blank=True)
    workflow = models.CharField(max_length=80, blank=True)
    # On whose behalf: the key of a person, or the name that an agent gave.
    person = models.CharField(max_length=200, blank=True)
    policy = models.CharField(max_length=80, blank=True)
    # Where people are asked, for a barrier that asks.
    checkpoint = models.CharField(max_length=80, blank=True)
    placed_by_label = models.CharField(max_length=200)
    reason = models.TextField()
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # The number that its end took: a process that has seen it no longer heeds the barrier.
    ended_number = models.PositiveBigIntegerField(null=True, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(agent__isnull=False)
                | ~Q(tool="")
                | ~Q(workflow="")
                | ~Q(person="")
                | ~Q(policy=""),
                name="a_barrier_says_what_it_stops",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("starts_at")), name="a_barrier_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=~Q(measure="ask") | ~Q(checkpoint=""), name="who_asks_says_where"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(ended_at__isnull=True), name="barrier_standing"
            )
        ]

    def __str__(self) -> str:
        return f"{self.by} no. {self.number}"


class BarrierClock(models.Model):
    """The number that the newest barrier, or the newest end of one, has taken: what a process
    reports to have seen."""

    number = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager[BarrierClock]] = models.Manager()

    def __str__(self) -> str:
        return str(self.number)


class RegistryStamp(models.Model):
    """One row whose number moves with every change of agents, tools, grants, keys and lists, so
    that every process notices by reading one row."""

    number = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager[RegistryStamp]] = models.Manager()

    def __str__(self) -> str:
        return str(self.number)
