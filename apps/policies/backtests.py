"""Replaying a draft over what really happened (policies.md, "Backtest")."""

from __future__ import annotations

import datetime as dt
import uuid
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import current
from apps.common.bell import ring
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.policies import queries
from apps.policies.models import Backtest, JudgedRequest, PolicyVersion
from apps.policies.states import BacktestStatus

DAYS, MOST = 90, 50_000


@permitted("policies.draft")
def start_backtest(
    *, actor: User | None, version: PolicyVersion, days: int = DAYS, most: int = MOST
) -> Backtest:
    """Queues a replay over the newest `most` recorded requests of the last `days` days."""
    if not 1 <= days <= 3660 or not 1 <= most <= 5_000_000:
        raise Invalid("Choose 1 to 3,660 days and at most 5,000,000 actions.")
    moment = now()
    row = Backtest(
        version=version,
        text_digest=version.digest,
        base_digest=base_digest(),
        since=moment - dt.timedelta(days=days),
        until=moment,
        most=most,
        requested_by_label=current().label,
        created_at=moment,
    )
    with transaction.atomic():
        row.total = window(row).count() if most <= MOST else min(most, counted(row))
        row.save(force_insert=True)
        record(type="policy.backtest_started", object=version, after={"backtest": str(row.pk)})
        transaction.on_commit(partial(call, row.pk))
    return row


def call(pk: uuid.UUID) -> None:
    """Tells as many workers as may share it."""
    ring("apps.policies.tasks.backtest", str(pk), times=settings.COUNCIL["BACKTEST_HANDS"])


def running_backtest(version: PolicyVersion) -> bool:
    """Whether one is queued or at work for exactly this text against what is in force."""
    return Backtest.objects.filter(
        version=version,
        text_digest=version.digest,
        base_digest=base_digest(),
        status__in=(BacktestStatus.QUEUED, BacktestStatus.RUNNING),
    ).exists()


def counted(row: Backtest) -> int:
    return JudgedRequest.objects.filter(at__gt=row.since, at__lte=row.until).count()


def window(row: Backtest) -> QuerySet[JudgedRequest]:
    found = JudgedRequest.objects.filter(at__gt=row.since, at__lte=row.until)
    return found.order_by("-at", "-pk")[: row.most]


def base_digest() -> str:
    """What is in force, as one digest: a report on another base is out of date."""
    return digest({version.policy.slug: version.digest for version in queries.in_force()})


@permitted("policies.draft")
def cancel_backtest(*, actor: User | None, backtest: Backtest) -> None:
    """Stops it before its next chunk; one that waits for a worker ends at once."""
    with transaction.atomic():
        rows = Backtest.objects.filter(
            pk=backtest.pk, status__in=(BacktestStatus.QUEUED, BacktestStatus.RUNNING)
        )
        if not rows.update(cancel_asked=True):
            raise Conflict("This backtest has ended already.")
        end(backtest.pk, BacktestStatus.CANCELLED, only=BacktestStatus.QUEUED)
        record(type="policy.backtest_cancelled", object=backtest.version)


def end(pk: uuid.UUID, status: str, *, only: str = BacktestStatus.RUNNING, error: str = "") -> None:
    Backtest.objects.filter(pk=pk, status=only).update(
        status=status, ended_at=now(), lease_until=None, error=error
    )


def due() -> list[uuid.UUID]:
    """Backtests that nobody works on: new ones, and those whose workers died."""
    free = Q(status=BacktestStatus.QUEUED) | Q(
        status=BacktestStatus.RUNNING, lease_until__lte=now()
    )
    return list(Backtest.objects.filter(free).order_by("created_at").values_list("pk", flat=True))


def review_hours(summary: dict[str, Any]) -> float:
    """Hours of review that the change adds (or saves, below zero), at the assumed minutes for each
    person that is asked."""
    minutes = int(settings.COUNCIL["REVIEW_MINUTES"])
    return round(int(summary.get("people", summary.get("reviews", 0))) * minutes / 60, 1)
