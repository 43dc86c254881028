from __future__ import annotations

import uuid

from django.db.models import QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.audit.rules import Filters
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent


def events(reader: User, filters: Filters) -> QuerySet[LedgerEvent]:
    """The events that the reader may see, narrowed by the filters; newest first is the pager's."""
    if not holds(reader, "audit.view"):
        return LedgerEvent.objects.none()
    return LedgerEvent.objects.filter(**filters.lookups)


def event(reader: User, pk: uuid.UUID) -> LedgerEvent:
    found = events(reader, Filters()).filter(pk=pk).first()
    if found is None:
        raise Absent
    return found
