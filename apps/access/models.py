from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q

from apps.access.matrix import ROLES
from apps.common.tracked import Tracked


class Department(Tracked):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. Preferences are the person's own and are not governed; who manages whom changes
    with a ledger event (it takes votes away in the council)."""

    display_name = models.CharField(max_length=120, blank=True)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, related_name="people"
    )
    manager = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(
        max_length=8,
        default="system",
        choices=[("system", "As the system"), ("light", "Light"), ("dark", "Dark")],
    )
    density = models.CharField(
        max_length=12,
        default="compact",
        choices=[("compact", "Compact"), ("comfortable", "Comfortable")],
    )
    shortcuts = models.BooleanField(default=True)
    open_next = models.BooleanField(default=True)
    mail = models.BooleanField(default=True)
    digest_hours = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.username


class RoleAssignment(Tracked):
    """One role of one person, from when to when, and who gave it."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="assignments")
    role = models.CharField(max_length=20, choices=list(ROLES.items()))
    granted_by_label = models.CharField(max_length=200)
    # What an auditor's role is limited to: {"agents": [slug], "since": day, "until": day}.
    scope = models.JSONField(default=dict, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(ends_at__isnull=True),
                name="a_person_holds_a_role_once",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="a_role_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {ROLES.get(self.role, self.role)}"


class SignInFailure(models.Model):
    """Failed sign-ins of one name from one address, so that guessing slows down."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[SignInFailure]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.failures} failures"
