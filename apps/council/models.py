from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.common.tracked import Tracked
from apps.council.states import (
    Choice,
    CommentKind,
    Function,
    Kind,
    MeasureKind,
    MeasureStatus,
    MotionClass,
    MotionStatus,
    ObjectionStatus,
    SittingStatus,
)
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent


class Seat(Tracked):
    """A department's place on the council: who sits, in which function, from when to when."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="seats")
    function = models.CharField(max_length=12, choices=Function.choices)
    alternate = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_for_cause = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(ends_at__isnull=True),
                name="a_person_holds_one_seat",
            ),
            models.CheckConstraint(
                condition=Q(alternate__isnull=True) | ~Q(alternate=F("user")),
                name="nobody_is_their_own_alternate",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_function_display()})"


class Charter(Tracked):
    """The council's own rules: one row, changed by a constitutional motion only."""

    values = models.JSONField(default=dict)

    def __str__(self) -> str:
        return "Council rules"


class Motion(models.Model):
    """One question put to the council. The packet is what members read; ballots are cast on its
    digest."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    klass = models.CharField(max_length=16, choices=MotionClass.choices)
    status = models.CharField(
        max_length=12, choices=MotionStatus.choices, default=MotionStatus.DRAFT
    )
    title = models.CharField(max_length=200)
    rationale = models.TextField(blank=True)
    proposer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    seconder = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.ForeignKey(
        PolicyVersion, on_delete=models.PROTECT, null=True, related_name="motions"
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="motions")
    subject = models.CharField(max_length=200, blank=True)
    payload = models.JSONField(default=dict)
    packet = models.JSONField(default=dict)
    packet_digest = models.CharField(max_length=64, blank=True)
    loosens = models.BooleanField(default=False)
    round = models.PositiveSmallIntegerField(default=0)
    extended = models.BooleanField(default=False)
    misses = models.PositiveSmallIntegerField(default=0)
    stopped_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    comment_ends_at = models.DateTimeField(null=True)
    ballot_opened_at = models.DateTimeField(null=True)
    ballot_closes_at = models.DateTimeField(null=True)
    effective_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    outcome_note = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Motion]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status="ballot")
                | Q(ballot_closes_at__isnull=False, ballot_opened_at__isnull=False),
                name="a_ballot_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(effective_at__isnull=False),
                name="a_waiting_motion_has_its_day",
            ),
            models.CheckConstraint(
                condition=Q(seconder__isnull=True) | ~Q(seconder=F("proposer")),
                name="nobody_seconds_themselves",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "-created_at", "-id"], name="motion_by_status"),
            models.Index(fields=["-created_at", "-id"], name="motion_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"M-{self.number}"


class Elector(models.Model):
    """A seat as it stood when the ballot opened: joining or leaving later changes nothing."""

    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="electors")
    round = models.PositiveSmallIntegerField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=200)
    function = models.CharField(max_length=12)
    affiliation = models.CharField(max_length=60, blank=True)
    may_veto = models.BooleanField(default=False)
    recused = models.BooleanField(default=False)
    recusal_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager[Elector]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["motion", "round", "user"], name="an_elector_stands_once_in_a_round"
            )
        ]

    def __str__(self) -> str:
        return self.label


class Declaration(models.Model):
    """A member's own word that they are not impartial on a motion."""

    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="declarations")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Declaration]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["motion", "user"], name="a_member_declares_once")
        ]

    def __str__(self) -> str:
        return self.reason


class Ballot(models.Model):
    """One vote as cast. All are kept; the last of a person in a round counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="ballots")
    round = models.PositiveSmallIntegerField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    choice = models.CharField(max_length=8, choices=Choice.choices)
    reason = models.TextField(blank=True)
    packet_digest = models.CharField(max_length=64)
    cast_at = models.DateTimeField()
    void = models.BooleanField(default=False)

    objects: ClassVar[models.Manager[Ballot]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(choice__in=["against", "veto"]) | ~Q(reason=""),
                name="a_vote_against_has_a_reason",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["motion", "round", "cast_at", "id"], name="ballot_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.choice} by {self.user_id}"


class Comment(models.Model):
    """What members say of a motion. An objection must be answered before a ballot can open."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    author_label = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=CommentKind.choices)
    text = models.TextField()
    at = models.DateTimeField()
    packet_digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=ObjectionStatus.choices, blank=True)
    answer = models.TextField(blank=True)
    answer_kind = models.CharField(max_length=10, blank=True)
    answered_by_label = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Comment]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status="answered") | ~Q(answer=""),
                name="an_answered_objection_has_an_answer",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["motion", "at", "id"], name="comment_in_order")
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Measure(models.Model):
    """An emergency measure: restricts at once, on two people's word, and ends by itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=14, choices=MeasureKind.choices)
    target = models.CharField(max_length=120)
    target_label = models.CharField(max_length=200)
    reason = models.TextField()
    status = models.CharField(
        max_length=10, choices=MeasureStatus.choices, default=MeasureStatus.ASKED
    )
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    seconded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_note = models.TextField(blank=True)
    restored = models.BooleanField(null=True)
    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, null=True, related_name="+")

    objects: ClassVar[models.Manager[Measure]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status="in_force")
                | Q(ends_at__isnull=False, seconded_by__isnull=False),
                name="a_measure_in_force_has_two_people_and_an_end",
            ),
            models.CheckConstraint(
                condition=Q(seconded_by__isnull=True) | ~Q(seconded_by=F("asked_by")),
                name="nobody_seconds_their_own_measure",
            ),
            models.UniqueConstraint(
                fields=["kind", "target"],
                condition=Q(status__in=["asked", "in_force"]),
                name="a_target_has_one_measure_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.get_kind_display()}: {self.target_label}"

    @property
    def reference(self) -> str:
        return f"E-{self.number}"


class Certification(Tracked):
    """Until when a standing permission or policy stands without being looked at again."""

    object_type = models.CharField(max_length=10)
    object_id = models.BigIntegerField()
    label = models.CharField(max_length=200)
    due_on = models.DateField()
    certified_at = models.DateTimeField(null=True)
    certified_by_label = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["object_type", "object_id"], name="a_thing_is_certified_in_one_row"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_on"], name="certification_due")
        ]

    def __str__(self) -> str:
        return self.label


class Sitting(models.Model):
    """A meeting of the council: its agenda, what was said on it, and its minutes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    title = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    place = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=8, choices=SittingStatus.choices, default=SittingStatus.PLANNED
    )
    called_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    present = models.JSONField(default=list)
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    minutes = models.TextField(blank=True)
    minutes_digest = models.CharField(max_length=64, blank=True)
    signatures = models.JSONField(default=list)

    objects: ClassVar[models.Manager[Sitting]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(status__in=["closed", "signed"]) | ~Q(minutes=""),
                name="a_closed_sitting_has_minutes",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return f"S-{self.number}"


class Note(models.Model):
    """A speaking note on an item of a sitting's agenda."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, related_name="notes")
    item = models.CharField(max_length=120)
    author_label = models.CharField(max_length=200)
    text = models.TextField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Note]] = models.Manager()

    def __str__(self) -> str:
        return self.text[:80]
