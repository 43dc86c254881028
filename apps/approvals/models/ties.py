"""Whom a question concerns too closely."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.access.models import User
from apps.approvals.models.requests import ApprovalRequest


class Tie(models.Model):
    """A person who may not decide on a request, beyond the agent's owner and registrar and whoever
    asked for the work. Kept so that lists can leave the request out; computed afresh at a vote."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="ties")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10)

    objects: ClassVar[models.Manager[Tie]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "request", "kind"], name="a_tie_is_noted_once")
        ]

    def __str__(self) -> str:
        return self.kind
