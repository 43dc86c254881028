from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7
from apps.council.models.motions import Motion
from apps.council.states import Choice


class Elector(models.Model):
    """A seat as it stood when the ballot opened: joining or leaving later changes nothing. Where
    the seat's alternate sits, `sits_for` is the person whose seat it is."""

    motion = models.ForeignKey(Motion, on_delete=models.PROTECT, related_name="electors")
    round = models.PositiveSmallIntegerField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=200)
    function = models.CharField(max_length=12)
    affiliation = models.CharField(max_length=60, blank=True)
    may_veto = models.BooleanField(default=False)
    recused = models.BooleanField(default=False)
    recusal_reason = models.CharField(max_length=300, blank=True)
    sits_for = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    sits_because = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager[Elector]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["motion", "round", "user"], name="an_elector_stands_once_in_a_round"
            )
        ]

    def __str__(self) -> str:
        return self.label


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
                condition=~Q(choice__in=["against", "veto", "conflict"]) | ~Q(reason=""),
                name="a_vote_against_has_a_reason",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["motion", "round", "cast_at", "id"], name="ballot_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.choice} by {self.user_id}"
