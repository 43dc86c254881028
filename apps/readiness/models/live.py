"""How the work of agents in a process ended, month by month."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.readiness.models.processes import Process


class LiveMonth(models.Model):
    """The runs of agents that began in a month (its first day, UTC), by how they stand; those that
    are neither ended nor stuck go on. `asked`: in which at least one question was put to people.
    Counted anew by whoever drives runs; nobody else writes it."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="live_months")
    month = models.DateField()
    runs = models.PositiveIntegerField()
    well = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    stuck = models.PositiveIntegerField()
    rolled_back = models.PositiveIntegerField()
    cancelled = models.PositiveIntegerField()
    asked = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    objects: ClassVar[models.Manager[LiveMonth]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["process", "month"], name="a_month_of_a_process_is_counted_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    runs__gte=F("well")
                    + F("failed")
                    + F("stuck")
                    + F("rolled_back")
                    + F("cancelled"),
                    asked__lte=F("runs"),
                ),
                name="no_more_runs_ended_than_began",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process} in {self.month:%Y-%m}"
