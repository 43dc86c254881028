"""What there is to search: told where a query finds nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from apps.audit.models import TrailState
from apps.ledger.models import LedgerEvent, Tombstone


@dataclass(frozen=True)
class Coverage:
    """`purged` is the newest tombstone: what was older than its `until` has gone by the rule of
    retention, and its digests are kept."""

    oldest: dt.datetime | None
    newest: dt.datetime | None
    indexed: int
    purged: Tombstone | None


def coverage() -> Coverage:
    moments = LedgerEvent.objects.values_list("at", flat=True)
    state = TrailState.objects.filter(pk=1).first()
    return Coverage(
        oldest=moments.order_by("at").first(),
        newest=moments.order_by("-at").first(),
        indexed=state.entries if state else 0,
        purged=Tombstone.objects.order_by("-last_seq").first(),
    )
