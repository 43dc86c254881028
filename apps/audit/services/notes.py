"""An auditor's own notes. The trail tells that one was written, never what or about what."""

from __future__ import annotations

import uuid

from django.db import transaction

from apps.access.models import User
from apps.access.queries import roles_of
from apps.access.services import permitted
from apps.audit.models import AuditorNote
from apps.audit.queries import events
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from apps.ledger.services import record

AUDITORS = frozenset({"auditor", "outside_auditor"})
LONGEST = 5_000


def is_auditor(user: User) -> bool:
    return bool(roles_of(user) & AUDITORS)


@permitted("audit.view")
@transaction.atomic
def write_note(*, actor: User, event_id: uuid.UUID, text: str) -> AuditorNote:
    if not is_auditor(actor):
        raise NotPermitted("Notes are for auditors.")
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise Invalid(f"Write something, up to {LONGEST:,} characters.")
    event = events.event(actor, event_id)
    note = AuditorNote(author_id=actor.pk, event_id=event.pk, text=text, at=now())
    note.save(force_insert=True)
    record(type="audit.noted")
    return note
