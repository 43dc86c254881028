"""Notes for their own author."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from apps.access.models import User
from apps.access.queries import holds
from apps.audit.models import AuditorNote
from apps.ledger.models import LedgerEvent


@dataclass(frozen=True)
class Noted:
    note: AuditorNote
    event: LedgerEvent | None


def own(reader: User, event_id: uuid.UUID | None = None) -> list[Noted]:
    """The reader's own notes, newest first; of one event, or the newest two hundred."""
    if not holds(reader, "audit.view"):
        return []
    notes = AuditorNote.objects.filter(author_id=reader.pk)
    if event_id is not None:
        notes = notes.filter(event_id=event_id)
    found = list(notes.order_by("-at", "-pk")[:200])
    events = LedgerEvent.objects.in_bulk([note.event_id for note in found])
    return [Noted(note, events.get(note.event_id)) for note in found]
