from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.incidents.states import ActionType, Kind, LinkKind, Severity, Status
from apps.ledger.models import Hold
from apps.policies.models import PolicyCase


class Incident(models.Model):
    """Something that went wrong, or nearly did. Each move is an act on record."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ISSUE)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.MODERATE)
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.REPORTED)
    # Who or what told of it: a person's name, or the signal's words.
    told_by = models.CharField(max_length=200)
    occurred_at = models.DateTimeField(null=True)
    detected_at = models.DateTimeField()
    aware_at = models.DateTimeField(null=True)
    contained_at = models.DateTimeField(null=True)
    containment = models.TextField(blank=True)
    closed_at = models.DateTimeField(null=True)
    commander = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    # Who has read the timeline and found it right: ids of people.
    confirmed_by = models.JSONField(default=list)
    duplicate_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    # A dismissal that waits for a second person: {"to", "by", "of", "reason"}.
    dismissal = models.JSONField(default=dict)
    recurrences = models.PositiveIntegerField(default=0)
    # Codes of `clocks.CRITERIA`, by which it is a serious incident, and of `rules.ASI`.
    serious_criteria = models.JSONField(default=list)
    asi_codes = models.JSONField(default=list)
    # While it is open no purge of the ledger runs.
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, null=True, related_name="+")

    objects: ClassVar[models.Manager[Incident]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="duplicate") ^ Q(duplicate_of__isnull=True),
                name="a_duplicate_names_its_original",
            ),
            models.CheckConstraint(
                condition=Q(severity__gte=1, severity__lte=4), name="a_severity_is_one_to_four"
            ),
        ]
        indexes = [
            models.Index(fields=["status", "severity", "-detected_at"], name="incident_by_status"),
            models.Index(fields=["-detected_at", "-id"], name="incident_newest"),
            models.Index(fields=["severity", "-detected_at", "-id"], name="incident_gravest"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"I-{self.number}"

    @property
    def is_serious(self) -> bool:
        return bool(self.serious_criteria)


class Link(models.Model):
    """What an incident is about. Agents and runs give it its timeline."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="links")
    kind = models.CharField(max_length=8, choices=LinkKind.choices)
    ref = models.CharField(max_length=64)
    label = models.CharField(max_length=200)

    objects: ClassVar[models.Manager[Link]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind", "ref"], name="an_incident_is_linked_once"
            )
        ]
        indexes = [models.Index(fields=["kind", "ref"], name="incident_about")]

    def __str__(self) -> str:
        return self.label


class Note(models.Model):
    """What a person adds to a timeline. Never changed: a correction is another note."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notes")
    about = models.DateTimeField()
    at = models.DateTimeField()
    author_label = models.CharField(max_length=200)
    text = models.TextField()

    objects: ClassVar[models.Manager[Note]] = models.Manager()

    def __str__(self) -> str:
        return self.text[:80]


class Finding(models.Model):
    """One factor that contributed; there is seldom only one. Either it has an action, or the risk
    is accepted with a reason."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="findings")
    text = models.TextField()
    author_label = models.CharField(max_length=200)
    at = models.DateTimeField()
    accepted = models.TextField(blank=True)
    accepted_by_label = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Finding]] = models.Manager()

    def __str__(self) -> str:
        return self.text[:80]


class Corrective(models.Model):
    """What is done about a finding: by whom, until when, done, and found to work by another."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="actions")
    type = models.CharField(max_length=10, choices=ActionType.choices)
    text = models.TextField()
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    # The policy whose change this is, and the motion that brings it: their slug and number.
    policy = models.SlugField(max_length=80, blank=True)
    motion = models.PositiveBigIntegerField(null=True)
    done_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    verified_by_label = models.CharField(max_length=200, blank=True)
    verified_how = models.TextField(blank=True)
    # When it is looked at whether it helped, by what, and what was found.
    check_on = models.DateField(null=True)
    check_metric = models.CharField(max_length=300, blank=True)
    checked_at = models.DateTimeField(null=True)
    checked_by_label = models.CharField(max_length=200, blank=True)
    checked_words = models.TextField(blank=True)
    # When its owner, who leads, and who has to look were told (or, where they may not hear of it,
    # somebody who may); once each.
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    check_told_at = models.DateTimeField(null=True)
    # Set when what it should have prevented came back, or the check found that it did not help.
    failed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Corrective]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verified_at__isnull=True) | Q(done_at__isnull=False),
                name="only_what_is_done_is_verified",
            )
        ]
        indexes = [
            models.Index(fields=["due_on"], name="corrective_due"),
            models.Index(
                fields=["due_on"],
                condition=Q(done_at__isnull=True, failed_at__isnull=True),
                name="corrective_to_do",
            ),
            models.Index(
                fields=["check_on"],
                condition=Q(checked_at__isnull=True, check_on__isnull=False),
                name="corrective_to_check",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Lesson(models.Model):
    """A recorded action of the incident that the changed policy has to stop, as a test that stays
    with the policy."""

    corrective = models.ForeignKey(Corrective, on_delete=models.PROTECT, related_name="lessons")
    case = models.OneToOneField(PolicyCase, on_delete=models.PROTECT, related_name="+")
    action_ref = models.UUIDField()

    objects: ClassVar[models.Manager[Lesson]] = models.Manager()

    def __str__(self) -> str:
        return str(self.case)
