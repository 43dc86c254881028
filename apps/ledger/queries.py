from __future__ import annotations

import uuid
from collections.abc import Collection

from apps.ledger.models import PersonalText


def texts_of_acts(acts: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What was typed in each act, as far as it is still there."""
    rows = PersonalText.objects.filter(act_id__in=acts).order_by("event_id")
    return {row.act_id: str(row) for row in rows}
