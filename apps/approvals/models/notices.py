"""What people are told."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.access.models import User
from apps.common.ids import uuid7


class Notice(models.Model):
    """Something that a person should know of, with the link to it. It is shown at once, mailed in
    bundles, and told to the organisation's own system; a channel that is down tries again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    at = models.DateTimeField()
    title = models.CharField(max_length=250)
    url = models.CharField(max_length=200)
    urgent = models.BooleanField(default=False)
    opened_at = models.DateTimeField(null=True)
    mail_due_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    hook_due_at = models.DateTimeField(null=True)
    hooked_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Notice]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "-at", "-id"], name="notice_newest"),
            models.Index(
                fields=["mail_due_at"],
                condition=Q(mail_due_at__isnull=False),
                name="notice_to_mail",
            ),
            models.Index(
                fields=["hook_due_at"],
                condition=Q(hook_due_at__isnull=False),
                name="notice_to_hook",
            ),
        ]

    def __str__(self) -> str:
        return self.title
