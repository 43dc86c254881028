from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.registry.models import Agent, AgentCredential, Tool
from apps.runtime.states import (
    ActionStatus,
    BudgetScope,
    BudgetUnit,
    BudgetWindow,
    EffectStatus,
    ProcessKind,
)


class Session(models.Model):
    """One task or conversation of one agent: what it has read, and for whom it works."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200)
    credential = models.ForeignKey(
        AgentCredential, on_delete=models.PROTECT, null=True, related_name="+"
    )
    identified = models.BooleanField(default=False)
    untrusted_read = models.BooleanField(default=False)
    untrusted_sources = models.JSONField(default=list)
    actions = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Session]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "external_id"], name="an_agent_names_a_session_once"
            )
        ]

    def __str__(self) -> str:
        return self.external_id


class Action(models.Model):
    """One attempted tool call by one agent: the record that is committed before any effect."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    # Keys without an index of their own: every index is paid by every action.
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    agent_label = models.CharField(max_length=120)
    credential = models.ForeignKey(
        AgentCredential, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    tool = models.ForeignKey(
        Tool, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    tool_name = models.CharField(max_length=120)
    tool_pin = models.CharField(max_length=64, blank=True)
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    run_id = models.UUIDField(null=True)
    step_id = models.UUIDField(null=True)
    idem_key = models.CharField(max_length=120)
    requester_id = models.BigIntegerField(null=True)
    on_behalf_of = models.CharField(max_length=200, blank=True)
    purpose = models.TextField(blank=True)
    trigger = models.JSONField(default=dict)
    arguments = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    claims = models.JSONField(default=dict)
    used = models.JSONField(default=list)
    intent_digest = models.CharField(max_length=64, blank=True)
    action_digest = models.CharField(max_length=64, blank=True)
    verdict = models.CharField(max_length=10)
    status = models.CharField(max_length=16, choices=ActionStatus.choices)
    code = models.CharField(max_length=40, blank=True)
    reasons = models.JSONField(default=list)
    obligations = models.JSONField(default=list)
    policy_versions = models.JSONField(default=dict)
    judged_id = models.UUIDField(null=True)
    sampled_out = models.BooleanField(default=False)
    approval_id = models.UUIDField(null=True)
    decide_by = models.DateTimeField(null=True)
    execute_by = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error = models.TextField(blank=True)
    settled_at = models.DateTimeField(null=True)
    # Set on the instance that has set something aside of a budget.
    reserved = False

    objects: ClassVar[models.Manager[Action]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["allow", "deny", "review"]),
                name="a_verdict_is_allow_deny_or_review",
            ),
            models.CheckConstraint(
                condition=~Q(verdict="deny") | Q(status__in=["denied", "refused_stale"]),
                name="a_denied_action_has_no_effect",
            ),
            models.UniqueConstraint(
                fields=["agent", "idem_key"],
                condition=Q(step_id__isnull=True),
                name="an_outside_call_is_recorded_once",
            ),
        ]
        indexes = [
            models.Index(fields=["agent", "at", "id"], name="action_by_agent"),
            models.Index(
                fields=["run_id", "at"], condition=Q(run_id__isnull=False), name="action_by_run"
            ),
            models.Index(
                fields=["step_id", "at"], condition=Q(step_id__isnull=False), name="action_by_step"
            ),
            models.Index(fields=["at", "id"], name="action_newest"),
            models.Index(
                fields=["agent", "intent_digest"],
                condition=Q(status="waiting"),
                name="action_waiting_intent",
            ),
            models.Index(
                fields=["settled_at"],
                condition=Q(status__in=["executing", "in_doubt"]),
                name="action_unsettled",
            ),
            models.Index(
                fields=["execute_by"],
                condition=Q(status="allowed"),
                name="action_unreported",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} by {self.agent_label}"


class Effect(models.Model):
    """The intent to act, committed before an outside call, and what became of it. One row per
    idempotency key for ever, so that neither a retry nor a re-asked approval can act twice."""

    idem_key = models.CharField(max_length=120, primary_key=True)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="effects")
    tool_name = models.CharField(max_length=120)
    status = models.CharField(max_length=12, choices=EffectStatus.choices)
    result = models.JSONField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # When somebody outside said that it must not stand.
    objected_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Effect]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="done") | Q(ended_at__isnull=False),
                name="a_done_effect_has_an_end",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} {self.status}"


class Rate(models.Model):
    """A rate limit by GCRA: one theoretical arrival time per scope, exact across workers."""

    scope = models.CharField(max_length=200, primary_key=True)
    per_minute = models.PositiveIntegerField()
    burst = models.PositiveIntegerField(default=1)
    arrival_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Rate]] = models.Manager()

    def __str__(self) -> str:
        return self.scope


ONE = {"steps": "step", "calls": "tool call", "seconds": "second of work", "tokens": "token"}


class Budget(Tracked):
    """How much may be used up in a window: by one agent, by all agents that a department sponsors,
    or by each run of a workflow. Money is in minor units of one currency."""

    scope = models.CharField(max_length=12, choices=BudgetScope.choices)
    subject = models.SlugField()
    unit = models.CharField(max_length=10, choices=BudgetUnit.choices)
    window = models.CharField(max_length=10, choices=BudgetWindow.choices)
    amount = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "subject", "unit", "window", "currency"],
                name="a_budget_is_set_once",
            ),
            models.CheckConstraint(
                condition=Q(unit="money") ^ Q(currency=""), name="money_has_a_currency"
            ),
            models.CheckConstraint(
                condition=Q(scope="run", window="run") | (~Q(scope="run") & ~Q(window="run")),
                name="a_run_is_a_window_of_its_own",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sentence} for {self.subject}"

    @property
    def sentence(self) -> str:
        """What may be used up: 500 tool calls per day, 2,000.00 EUR per month."""
        if self.unit == "money":
            what = f"{self.amount / 100:,.2f} {self.currency}"
        else:
            words = self.get_unit_display().lower()
            what = f"{self.amount:,} {ONE.get(self.unit, words) if self.amount == 1 else words}"
        return f"{what} {self.get_window_display()}"


class BudgetUse(models.Model):
    """What one window of a budget has seen: spent for good, and reserved by what is under way."""

    id = models.BigAutoField(primary_key=True)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="uses")
    bucket = models.CharField(max_length=40)
    spent = models.PositiveBigIntegerField(default=0)
    reserved = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager[BudgetUse]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "bucket"], name="a_window_is_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} in {self.bucket}"


class Reservation(models.Model):
    """What one action has set aside until its end is known. The row goes when it is settled."""

    id = models.BigAutoField(primary_key=True)
    use = models.ForeignKey(BudgetUse, on_delete=models.CASCADE, related_name="reservations")
    action = models.ForeignKey(Action, on_delete=models.CASCADE, related_name="reservations")
    unit = models.CharField(max_length=10)
    amount = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Reservation]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["use", "action"], name="an_action_reserves_once")
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} for {self.action_id}"


class Circuit(models.Model):
    """A breaker per tool; `forced` lets people hold it open or closed."""

    tool_name = models.CharField(max_length=120, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    opened_until = models.DateTimeField(null=True)
    probe_until = models.DateTimeField(null=True)
    forced = models.CharField(max_length=6, blank=True)

    objects: ClassVar[models.Manager[Circuit]] = models.Manager()

    def __str__(self) -> str:
        return self.tool_name


class Process(models.Model):
    """A process that lets actions through, as it last told of itself, and the newest number of
    the barriers' clock that it has seen."""

    name = models.CharField(max_length=120, primary_key=True)
    kind = models.CharField(max_length=10, choices=ProcessKind.choices)
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    seen = models.PositiveBigIntegerField(default=0)
    seen_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Process]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["at"], name="process_alive")]

    def __str__(self) -> str:
        return self.name
