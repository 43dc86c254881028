"""What a person looked at, and how long: noted as they read, never asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import transaction

from apps.access.models import User
from apps.approvals import queries
from apps.approvals.models import Look
from apps.common.errors import Absent

LONGEST_SECONDS = 3600
PARTS = frozenset({"arguments", "claims", "sources", "same", "alike", "unchecked", "signs"})


@transaction.atomic
def note_reading(
    *, actor: User, request_id: uuid.UUID, seconds: int, expanded: Iterable[str]
) -> None:
    """Adds to what the person's look says: seconds before their eyes, and the parts that they
    opened. Nothing for a request that they have not looked at or may not see."""
    if not queries.visible(actor).filter(pk=request_id).exists():
        raise Absent
    look = Look.objects.select_for_update().filter(request_id=request_id, user=actor).first()
    if look is None:
        return
    parts = sorted({*look.expanded, *(PARTS & set(expanded))})
    Look.objects.filter(pk=look.pk).update(
        seconds=look.seconds + max(0, min(seconds, LONGEST_SECONDS)), expanded=parts
    )
