"""Competence: who may decide at which risk now."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.access.models import User
from apps.access.queries import holders
from apps.approvals.models import TrainingRecord
from apps.common.clock import now
from apps.registry.states import Risk

EVERY_RISK = frozenset(Risk.values)


def training_required() -> bool:
    return bool(settings.COUNCIL["TRAINING_REQUIRED"])


def live_training() -> QuerySet[TrainingRecord]:
    moment = now()
    rows: QuerySet[TrainingRecord] = TrainingRecord.objects.filter(
        starts_at__lte=moment, expires_at__gt=moment, ended_at=None
    )
    return rows


def risks_up_to(most: str) -> frozenset[str]:
    return frozenset(Risk.values[: Risk.values.index(most) + 1])


def trained_for(user: Any) -> frozenset[str]:
    """The risks that a person may decide at; read once per request."""
    if not training_required():
        return EVERY_RISK
    cached: frozenset[str] | None = getattr(user, "_trained_for", None)
    if cached is None:
        mine = live_training().filter(user=user).values_list("most_risk", flat=True)
        cached = user._trained_for = frozenset().union(*map(risks_up_to, mine))
    return cached


def trained_people(people: frozenset[int], risk: str) -> frozenset[int]:
    """Those of these people who may decide at this risk."""
    if not training_required():
        return people
    enough = Risk.values[Risk.values.index(risk) :] if risk in Risk.values else [Risk.CRITICAL]
    rows = live_training().filter(user__in=people, most_risk__in=enough)
    return people & frozenset(rows.values_list("user_id", flat=True))


def training_records(people: list[User] | None = None) -> list[TrainingRecord]:
    """Every record that has not ended, newest first."""
    rows = TrainingRecord.objects.filter(ended_at=None).select_related("user")
    return list(rows.order_by("-expires_at")[:200])


def untrained() -> list[User]:
    """Approvers without any valid record."""
    trained = live_training().values("user_id")
    return list(holders("approvals.decide").exclude(pk__in=trained).order_by("display_name")[:200])
