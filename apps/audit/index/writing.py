"""Keeping the index in step with the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.audit.index.tokens import EPOCH, SLOTS, around, first_number, tokens_of
from apps.audit.models import TrailEntry, TrailState
from apps.ledger.models import LedgerEvent

BATCH = 500
LATE = dt.timedelta(minutes=10)


def unindexed(*, whole: bool = False) -> QuerySet[LedgerEvent]:
    """Committed events that the index does not know, oldest first. Near its end by default: an
    event becomes visible some time after the moment it carries."""
    entry = TrailEntry.objects.filter(event_id=OuterRef("pk"))
    found = (
        LedgerEvent.objects.filter(~Exists(entry)).select_related("personal").order_by("at", "pk")
    )
    state = TrailState.objects.filter(pk=1).first()
    if whole or state is None or state.newest_at is None:
        return found
    return found.filter(at__gt=state.newest_at - LATE)


def catch_up(*, most: int = 20 * BATCH, whole: bool = False) -> int:
    """Indexes what is missing, in short transactions. Answers how many events."""
    done = 0
    while done < most:
        step = index_batch(whole=whole)
        done += step
        if step < BATCH:
            break
    return done


@transaction.atomic
def index_batch(*, whole: bool = False) -> int:
    TrailState.objects.get_or_create(pk=1)
    state = TrailState.objects.select_for_update().get(pk=1)
    events = list(unindexed(whole=whole)[:BATCH])
    if not events:
        return 0
    known = around(events)
    numbers = numbered(events)
    TrailEntry.objects.bulk_create(
        TrailEntry(number=number, event_id=event.pk)
        for number, event in zip(numbers, events, strict=True)
    )
    keep([(number, tokens_of(event, known)) for number, event in zip(numbers, events, strict=True)])
    newest = max(events[-1].at, state.newest_at or EPOCH)
    TrailState.objects.filter(pk=1).update(entries=state.entries + len(events), newest_at=newest)
    return len(events)


FORGET = {
    "sqlite": "INSERT INTO audit_trailwords (audit_trailwords) VALUES ('delete-all')",
    "postgresql": "DELETE FROM audit_trailwords",
}


@transaction.atomic
def start_over() -> None:
    """Empties the index; the sweep fills it again. For texts that were erased: single words
    cannot be taken out of an index that does not keep the text."""
    TrailEntry.objects.all().delete()
    TrailState.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(FORGET[connection.vendor])


def numbered(events: Sequence[LedgerEvent]) -> list[int]:
    """A free number for each, in the order of their moments."""
    low, high = first_number(events[0].at), first_number(events[-1].at) + SLOTS
    taken = set(
        TrailEntry.objects.filter(number__gte=low, number__lt=high).values_list("number", flat=True)
    )
    found = []
    for event in events:
        number = first_number(event.at)
        while number in taken:
            number += 1
        taken.add(number)
        found.append(number)
    return found


INSERT = {
    "sqlite": "INSERT INTO audit_trailwords (rowid, tokens) VALUES (%s, %s)",
    "postgresql": (
        "INSERT INTO audit_trailwords (number, tokens)"
        " VALUES (%s, array_to_tsvector(%s::text[])) ON CONFLICT (number) DO NOTHING"
    ),
}


def keep(rows: Sequence[tuple[int, set[str]]]) -> None:
    bare = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.executemany(
            INSERT[connection.vendor],
            [
                (number, " ".join(sorted(tokens)) if bare else sorted(t[:200] for t in tokens))
                for number, tokens in rows
            ],
        )
