"""Replaying a draft over what really happened (policies.md, "Backtest")."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from kombu.exceptions import OperationalError

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import current
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.policies import bench, queries
from apps.policies.models import Backtest, BacktestFlip, JudgedRequest, PolicyVersion
from apps.policies.states import BacktestStatus

log = logging.getLogger(__name__)
CHUNK = 1_000
SLICE_SECONDS = 40.0
LEASE = dt.timedelta(seconds=90)
MOST_LISTED = 5_000
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
        transaction.on_commit(partial(ring, row.pk))
    return row


def ring(pk: uuid.UUID) -> None:
    """Tells a worker. A broker that is down costs a sweep interval."""
    try:
        current_app.send_task(
            "apps.policies.tasks.backtest", args=[str(pk)], queue="steps", retry=False
        )
    except (OperationalError, OSError) as error:
        log.warning("The broker did not take a message: %s", error)


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
    """Backtests that nobody works on: new ones, and those whose worker died."""
    free = Q(status=BacktestStatus.QUEUED) | Q(
        status=BacktestStatus.RUNNING, lease_until__lte=now()
    )
    return list(Backtest.objects.filter(free).order_by("created_at").values_list("pk", flat=True))


def work_on(pk: uuid.UUID, seconds: float = SLICE_SECONDS) -> bool:
    """Goes on for a while. True when there is more to do."""
    row = claim(pk)
    if row is None:
        return False
    stop_at = time.monotonic() + seconds
    try:
        replay = Replay(row)
        while time.monotonic() < stop_at:
            if Backtest.objects.filter(pk=pk, cancel_asked=True).exists():
                end(pk, BacktestStatus.CANCELLED)
                return False
            if not replay.chunk():
                return False
    except Exception as error:  # noqa: BLE001 - whatever breaks is told on the page
        log.exception("Backtest %s broke off.", pk)
        end(pk, BacktestStatus.FAILED, error=f"It broke off: {type(error).__name__}.")
        return False
    Backtest.objects.filter(pk=pk, fence=row.fence).update(lease_until=now())
    return True


def claim(pk: uuid.UUID) -> Backtest | None:
    moment = now()
    free = Q(status=BacktestStatus.QUEUED) | Q(
        status=BacktestStatus.RUNNING, lease_until__lte=moment
    )
    won = Backtest.objects.filter(free, pk=pk).update(
        status=BacktestStatus.RUNNING, lease_until=moment + LEASE, fence=F("fence") + 1
    )
    return Backtest.objects.select_related("version__policy").get(pk=pk) if won else None


class Replay:
    """One worker's stretch of a backtest; each chunk is committed with its place in the window."""

    def __init__(self, row: Backtest) -> None:
        self.row = row
        specs = bench.specs()
        self.before = bench.Bench(bench.rules_in_force(), specs)
        self.after = bench.Bench(bench.rules_with(row.version), specs)
        self.same: dict[bench.Key, bool] = {}

    def chunk(self) -> bool:
        """Judges the next thousand on both sides. False at the end of the window."""
        row = self.row
        rows = list(self.next_rows())
        flips = self.flips(rows)
        summary = merged(row.summary, rows, flips)
        blocking = sum(flip.blocking for flip in flips)
        room = max(0, MOST_LISTED - summary["listed"])
        kept = [flip for flip in flips if flip.blocking] + [f for f in flips if not f.blocking]
        summary["listed"] += min(room, len(kept))
        with transaction.atomic():
            BacktestFlip.objects.bulk_create(kept[:room])
            changes: dict[str, Any] = {
                "done": row.done + len(rows),
                "summary": summary,
                "blocking": row.blocking + blocking,
                "lease_until": now() + LEASE,
            }
            if rows:
                changes |= {"last_at": rows[-1].at, "last_id": rows[-1].pk}
            ended = len(rows) < CHUNK or changes["done"] >= row.most
            if ended:
                changes |= {"status": BacktestStatus.DONE, "ended_at": now(), "lease_until": None}
            held = Backtest.objects.filter(
                pk=row.pk, fence=row.fence, status=BacktestStatus.RUNNING
            )
            if not held.update(**changes):
                raise Conflict("Another worker goes on with this backtest.")
            if ended:
                record(
                    type="policy.backtested",
                    object=row.version,
                    after={"done": changes["done"], "blocking": changes["blocking"]},
                )
        for name, value in changes.items():
            setattr(row, name, value)
        return not ended

    def next_rows(self) -> QuerySet[JudgedRequest]:
        row = self.row
        found = JudgedRequest.objects.filter(at__gt=row.since, at__lte=row.until)
        if row.last_at is not None:
            found = found.filter(at__lte=row.last_at).exclude(at=row.last_at, pk__gte=row.last_id)
        return found.order_by("-at", "-pk")[: min(CHUNK, row.most - row.done)]

    def flips(self, rows: Sequence[JudgedRequest]) -> list[BacktestFlip]:
        """Only requests whose rules differ are judged: equal rules cannot decide otherwise."""
        asked = [row for row in rows if self.may_differ(row.request)]
        requests = [row.request for row in asked]
        contexts: bench.Contexts = {}
        pairs = zip(
            asked,
            self.before.judge_all(requests, contexts),
            self.after.judge_all(requests, contexts),
            strict=True,
        )
        return [
            flip_of(self.row, row, before.effect, after.effect)
            for row, before, after in pairs
            if before.effect != after.effect
        ]

    def may_differ(self, request: dict[str, Any]) -> bool:
        if request.get("tool") not in self.before.specs:
            return False
        key = bench.key_of(request)
        if key not in self.same:
            before = {rule.rule.rule_id: rule.source for rule in self.before.chosen(key)}
            after = {rule.rule.rule_id: rule.source for rule in self.after.chosen(key)}
            self.same[key] = before == after
        return not self.same[key]


def flip_of(row: Backtest, judged: JudgedRequest, before: str, after: str) -> BacktestFlip:
    amount = judged.request.get("context", {}).get("facts", {}).get("amount")
    return BacktestFlip(
        backtest=row,
        judged_id=judged.pk,
        at=judged.at,
        agent_slug=judged.agent_slug,
        tool=judged.tool,
        before=before,
        after=after,
        answer=judged.answer,
        blocking=after == "allow" and judged.answer in ("rejected", "returned"),
        amount=amount if isinstance(amount, int) and not isinstance(amount, bool) else None,
    )


def merged(
    summary: dict[str, Any], rows: Sequence[JudgedRequest], flips: Sequence[BacktestFlip]
) -> dict[str, Any]:
    """The report so far with one more chunk: counts by pair, agent and tool, amounts, reviews."""
    found: dict[str, Any] = {
        "pairs": Counter(summary.get("pairs", {})),
        "agents": Counter(summary.get("agents", {})),
        "tools": Counter(summary.get("tools", {})),
        "amounts": Counter(summary.get("amounts", {})),
        "by_pair": {pair: Counter(counts) for pair, counts in summary.get("by_pair", {}).items()},
        "reviews": summary.get("reviews", 0),
        "listed": summary.get("listed", 0),
        "oldest": rows[-1].at.isoformat() if rows else summary.get("oldest", ""),
    }
    for flip in flips:
        pair = f"{flip.before}→{flip.after}"
        found["pairs"][pair] += 1
        found["agents"][flip.agent_slug] += 1
        found["tools"][flip.tool] += 1
        found["by_pair"].setdefault(pair, Counter())[flip.tool] += 1
        found["amounts"][pair] += flip.amount or 0
        found["reviews"] += (flip.after == "review") - (flip.before == "review")
    return {
        name: dict(value) if isinstance(value, Counter) else value for name, value in found.items()
    }


def review_hours(summary: dict[str, Any]) -> float:
    """Hours of review that the change adds (or saves, below zero), at the assumed minutes each."""
    minutes = int(settings.COUNCIL["REVIEW_MINUTES"])
    return round(int(summary.get("reviews", 0)) * minutes / 60, 1)
