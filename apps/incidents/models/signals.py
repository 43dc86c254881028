from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.ids import uuid7
from apps.incidents.models.incidents import Incident


class MessageTemplate(models.Model):
    """A template as it stands; it only ever gets wider. Its key is part of the groups' keys."""

    source = models.CharField(max_length=40)
    tool = models.CharField(max_length=120, blank=True)
    tokens = models.JSONField()

    objects: ClassVar[models.Manager[MessageTemplate]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["source", "tool"], name="template_by_source")]

    def __str__(self) -> str:
        return " ".join(self.tokens)


class Group(models.Model):
    """Signals of one failure. At most one group of a key is open: a second writer loses at the
    unique index and attaches."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=40)
    tool = models.CharField(max_length=120, blank=True)
    code = models.CharField(max_length=80, blank=True)
    template = models.ForeignKey(MessageTemplate, on_delete=models.PROTECT, related_name="+")
    count = models.PositiveBigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    is_open = models.BooleanField(default=True)
    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, null=True, related_name="groups"
    )
    # Where its signals were put, until that is taken back.
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    snoozed_until = models.DateTimeField(null=True)
    snoozed_why = models.CharField(max_length=300, blank=True)
    jumped_on = models.DateField(null=True)

    objects: ClassVar[models.Manager[Group]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(is_open=True), name="a_failure_has_one_open_group"
            )
        ]
        indexes = [
            models.Index(fields=["-last_at", "-id"], name="group_newest"),
            models.Index(fields=["key", "-last_at"], name="group_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.tool}".strip()


class GroupingRule(models.Model):
    """A person's word that two keys are one failure: signals of `key` go to `into`, until it is
    ended. What was moved goes back then, for every signal knows its own key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=64)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    into = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="rules")
    moved = models.PositiveBigIntegerField(default=0)
    reason = models.TextField()
    made_by_label = models.CharField(max_length=200)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by_label = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[GroupingRule]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(ended_at__isnull=True), name="a_key_goes_one_way"
            )
        ]

    def __str__(self) -> str:
        return f"{self.group} into {self.into}"


class Signal(models.Model):
    """One act of the ledger that told of a failure; a reference, never a copy of what it says."""

    event_id = models.UUIDField(primary_key=True)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="signals")
    at = models.DateTimeField()
    agent = models.CharField(max_length=120, blank=True)
    run_id = models.UUIDField(null=True)
    object_type = models.CharField(max_length=80, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    # The fingerprint, where it is not the group's own.
    key = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager[Signal]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["group", "-at"], name="signal_by_group")]

    def __str__(self) -> str:
        return str(self.event_id)


class KeyDay(models.Model):
    """How many signals of one key came on a day (UTC): a jump is seen without counting them."""

    key = models.CharField(max_length=64)
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[models.Manager[KeyDay]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="a_day_is_counted_once")]

    def __str__(self) -> str:
        return f"{self.count} on {self.day}"


class Reading(models.Model):
    """How far the ledger has been read; its row is the lock of the one who reads."""

    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Reading]] = models.Manager()

    def __str__(self) -> str:
        return str(self.at)
