"""Reading a sensitive record is an act as well: on record once per person, object and hour."""

from __future__ import annotations

import datetime as dt

from django.db import models

from apps.common.acting import current
from apps.common.clock import now
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record

ONCE_IN = dt.timedelta(hours=1)


def note_read(*, object: models.Model, what: str) -> None:
    """Records that whoever acts opened `object`; `what` says which part of it."""
    same = {"object_type": object._meta.label_lower, "object_id": str(object.pk)}
    if not noted("audit.read", **same):
        record(type="audit.read", object=object, reason=f"Opened: {what}.", typed=False)


def noted(type: str, **same: str) -> bool:
    """Whether whoever acts has left this event within the hour."""
    context = current()
    lately = LedgerEvent.objects.filter(
        actor_kind=context.kind, actor_id=context.id, at__gte=now() - ONCE_IN
    )
    return lately.filter(type=type, **same).exists()
