"""What tells every process of the gate that a level changed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class ReadinessStamp(models.Model):
    """One row; its number is drawn anew within each transaction that moves a level."""

    number = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager[ReadinessStamp]] = models.Manager()

    def __str__(self) -> str:
        return str(self.number)
