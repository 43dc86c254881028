"""Business hours: when a queue's clock runs."""

from __future__ import annotations

from django.db import models

from apps.common.tracked import Tracked


class Calendar(Tracked):
    """The hours in which a queue works. `hours` maps a weekday (0 is Monday) to [opens, closes] in
    the calendar's zone; a weekday that is not named is closed, and so are `days_off` (ISO dates).
    Deadlines are computed once, when a question is put, and kept as UTC instants."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=60, default="UTC")
    hours = models.JSONField(default=dict)
    days_off = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.name
