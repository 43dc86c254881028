"""The work of a backtest. Its window is cut into stretches of a thousand requests, newest first, as
workers come for them: each takes the next one, or one whose worker died, under a lease; so any
number of processes share a backtest, and what they find does not depend on who did what."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from apps.common.clock import now
from apps.ledger.services import record
from apps.policies import bench
from apps.policies.backtests import base_digest, end
from apps.policies.models import (
    Backtest,
    BacktestFlip,
    BacktestStretch,
    JudgedRequest,
    PolicyVersion,
)
from apps.policies.pairs import Pair
from apps.policies.rules import Outline, flip_of
from apps.policies.snapshot import PACE
from apps.policies.states import BacktestStatus

log = logging.getLogger(__name__)
STRETCH = 1_000
# Agents' steps wait in the same queue: after so long a backtest goes to its end.
TURN_SECONDS = 3.0
LEASE = dt.timedelta(seconds=90)
MOST_LISTED = 5_000
COLUMNS = ("pk", "at", "agent_slug", "tool", "answer", "request")


@dataclass(frozen=True)
class Past:
    """One recorded request, as it is replayed."""

    pk: uuid.UUID
    at: dt.datetime
    agent_slug: str
    tool: str
    answer: str
    request: dict[str, Any]


def work_on(pk: uuid.UUID, seconds: float = TURN_SECONDS) -> bool:
    """Goes on for a while. True when this process could do more."""
    stop_at = time.monotonic() + seconds
    pair: Pair | None = None
    try:
        while time.monotonic() < stop_at:
            stretch = claim(pk)
            if stretch is None:
                return False
            pair = pair or pair_of(stretch.backtest)
            if outdated(stretch.backtest):
                end(pk, BacktestStatus.FAILED, error=OUTDATED)
                return False
            settle(stretch, *judged(stretch, pair))
    except Exception as error:  # noqa: BLE001 - whatever breaks is told on the page
        log.exception("Backtest %s broke off.", pk)
        end(pk, BacktestStatus.FAILED, error=f"It broke off: {type(error).__name__}.")
        return False
    return True


def pair_of(row: Backtest) -> Pair:
    specs = bench.specs()
    return Pair(
        bench.Bench(bench.rules_in_force(), specs),
        bench.Bench(bench.rules_with(row.version), specs),
    )


def outdated(row: Backtest) -> bool:
    """Whether the draft, or what is in force, is not what this backtest was asked about."""
    text = PolicyVersion.objects.values_list("digest", flat=True).get(pk=row.version_id)
    return text != row.text_digest or base_digest() != row.base_digest


OUTDATED = "The text, or what is in force, changed while it ran."


def claim(pk: uuid.UUID) -> BacktestStretch | None:
    """A stretch to work on, with the backtest's row held meanwhile; None when there is none, or
    somebody asked to stop."""
    with transaction.atomic():
        row = locked(pk)
        if row is None:
            return None
        if row.cancel_asked:
            end(pk, BacktestStatus.CANCELLED)
            return None
        stretch = abandoned(row) or next_stretch(row)
        if stretch is None:
            finish(row)
            return None
        Backtest.objects.filter(pk=pk).update(
            status=BacktestStatus.RUNNING, lease_until=stretch.lease_until
        )
    return stretch


def locked(pk: uuid.UUID) -> Backtest | None:
    """The row while it may still be worked on."""
    rows = Backtest.objects.select_for_update(of=("self",)).select_related("version__policy")
    return rows.filter(pk=pk, status__in=(BacktestStatus.QUEUED, BacktestStatus.RUNNING)).first()


def abandoned(row: Backtest) -> BacktestStretch | None:
    """One whose worker died; its fence goes up, so that it cannot come back with it."""
    moment = now()
    found = row.stretches.filter(done=False, lease_until__lte=moment).order_by("number").first()
    if found is None:
        return None
    found.fence += 1
    found.lease_until = moment + LEASE
    found.backtest = row
    found.save(update_fields=["fence", "lease_until"])
    return found


def next_stretch(row: Backtest) -> BacktestStretch | None:
    """The next part of the window, which nobody has yet."""
    if row.planned >= row.most:
        return None
    rows = beyond(row, row.last_at, row.last_id)
    keys = list(rows.values_list("at", "pk")[: min(STRETCH, row.most - row.planned)])
    if not keys:
        return None
    made = BacktestStretch(
        backtest=row,
        number=row.stretches.count() + 1,
        first_at=row.last_at,
        first_id=row.last_id,
        size=len(keys),
        lease_until=now() + LEASE,
    )
    made.save(force_insert=True)
    row.last_at, row.last_id = keys[-1]
    row.planned += len(keys)
    row.save(update_fields=["last_at", "last_id", "planned"])
    return made


def beyond(row: Backtest, at: dt.datetime | None, pk: uuid.UUID | None) -> QuerySet[JudgedRequest]:
    """The window from a place on, newest first."""
    found = JudgedRequest.objects.filter(at__gt=row.since, at__lte=row.until)
    if at is not None:
        found = found.filter(at__lte=at).exclude(at=at, pk__gte=pk)
    return found.order_by("-at", "-pk")


def judged(stretch: BacktestStretch, pair: Pair) -> tuple[list[BacktestFlip], dict[str, Any]]:
    """What both sides say of the stretch's requests: the flips, and what they come to."""
    row = stretch.backtest
    found = beyond(row, stretch.first_at, stretch.first_id)[: stretch.size]
    rows = [Past(*values) for values in found.values_list(*COLUMNS)]
    both = pair.judge_all([each.request for each in rows])
    flips = [
        flip
        for index, (before, after) in both.items()
        if (flip := flip_from(row, rows[index], before, after)) is not None
    ]
    summary = summary_of(rows, flips, both)
    if PACE in row.version.text:
        summary["uncounted"] = sum(not paced(each.request) for each in rows)
    return flips, summary


def paced(request: Mapping[str, Any]) -> bool:
    """Whether the agent's rate was counted when this was judged; a rule on it is silent without."""
    return any(name.startswith(PACE) for name in request.get("context", {}).get("agent", {}))


def flip_from(row: Backtest, past: Past, before: Outline, after: Outline) -> BacktestFlip | None:
    kind = flip_of(before, after)
    if not kind:
        return None
    amount = past.request.get("context", {}).get("facts", {}).get("amount")
    return BacktestFlip(
        backtest=row,
        judged_id=past.pk,
        at=past.at,
        agent_slug=past.agent_slug,
        tool=past.tool,
        before=before.effect,
        after=after.effect,
        kind=kind[:120],
        terms_before=before.terms[:200],
        terms_after=after.terms[:200],
        answer=past.answer,
        blocking=after.effect == "allow" and past.answer in ("rejected", "returned"),
        amount=amount if isinstance(amount, int) and not isinstance(amount, bool) else None,
    )


def summary_of(
    rows: Sequence[Past], flips: Sequence[BacktestFlip], both: Mapping[int, tuple[Outline, Outline]]
) -> dict[str, Any]:
    """Counts by kind, agent and tool; amounts by kind; reviews and people asked, more or fewer."""
    by_pair: dict[str, Counter[str]] = {}
    amounts: Counter[str] = Counter()
    for flip in flips:
        by_pair.setdefault(flip.kind, Counter())[flip.tool] += 1
        amounts[flip.kind] += flip.amount or 0
    return {
        "pairs": Counter(flip.kind for flip in flips),
        "agents": Counter(flip.agent_slug for flip in flips),
        "tools": Counter(flip.tool for flip in flips),
        "amounts": amounts,
        "by_pair": by_pair,
        "reviews": sum(
            (after.effect == "review") - (before.effect == "review")
            for before, after in both.values()
        ),
        "people": sum(after.people - before.people for before, after in both.values()),
        "oldest": rows[-1].at.isoformat() if rows else "",
    }


def settle(
    stretch: BacktestStretch, flips: Sequence[BacktestFlip], summary: dict[str, Any]
) -> None:
    """Adds what was found to the report, once. A stretch that somebody else took over, or whose
    backtest has ended meanwhile, adds nothing."""
    with transaction.atomic():
        row = locked(stretch.backtest_id)
        if row is None:
            return
        held = row.stretches.filter(pk=stretch.pk, fence=stretch.fence, done=False)
        if not held.update(done=True, flips=len(flips)):
            return
        BacktestFlip.objects.bulk_create(listed(row, stretch, flips))
        row.summary = merged(row.summary, summary)
        row.done += stretch.size
        row.blocking += sum(flip.blocking for flip in flips)
        row.lease_until = now() + LEASE
        row.save(update_fields=["summary", "done", "blocking", "lease_until"])
        finish(row)


def listed(
    row: Backtest, stretch: BacktestStretch, flips: Sequence[BacktestFlip]
) -> list[BacktestFlip]:
    """All that block, and others while newer stretches do not fill the list already."""
    newer = row.stretches.filter(number__lt=stretch.number).aggregate(flips=Sum("flips"))
    full = (newer["flips"] or 0) >= MOST_LISTED + row.blocking
    return [flip for flip in flips if flip.blocking or not full]


def merged(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Two reports added up; by name, so that the order in which stretches end does not show."""
    found: dict[str, Any] = {}
    for name in sorted({*before, *more}):
        old, new = before.get(name), more.get(name)
        if old is None or new is None:
            found[name] = new if old is None else old
        elif isinstance(new, Mapping):
            found[name] = merged(old, new)
        else:
            found[name] = (
                min(filter(None, (old, new)), default="") if name == "oldest" else old + new
            )
    return found


def finish(row: Backtest) -> None:
    """Ends the backtest when every request of the window is in the report."""
    if row.stretches.filter(done=False).exists() or next_key(row):
        return
    row.summary["listed"] = keep_newest(row)
    Backtest.objects.filter(pk=row.pk).update(
        status=BacktestStatus.DONE, ended_at=now(), lease_until=None, summary=row.summary
    )
    record(
        type="policy.backtested",
        object=row.version,
        after={"done": row.done, "blocking": row.blocking},
    )


def next_key(row: Backtest) -> bool:
    return row.planned < row.most and beyond(row, row.last_at, row.last_id).exists()


def keep_newest(row: Backtest) -> int:
    """How many flips are listed: all that block, and the newest others."""
    others = row.flips.filter(blocking=False).order_by("-at", "-judged_id")
    if last := others[MOST_LISTED : MOST_LISTED + 1].first():
        older = Q(at__lt=last.at) | Q(at=last.at, judged_id__lte=last.judged_id)
        row.flips.filter(older, blocking=False).delete()
    return row.flips.count()
