"""Saved searches."""

from __future__ import annotations

import uuid

from django.db.models import Q

from apps.access.models import User
from apps.access.queries import holds
from apps.audit.models import SavedView
from apps.common.errors import Absent


def visible(reader: User) -> list[SavedView]:
    """The reader's own and those that others share."""
    if not holds(reader, "audit.view"):
        return []
    found = SavedView.objects.filter(Q(owner=reader) | Q(shared=True))
    return list(found.order_by("name", "pk")[:100])


def own(reader: User, pk: uuid.UUID) -> SavedView:
    found = SavedView.objects.filter(pk=pk, owner=reader).first()
    if found is None or not holds(reader, "audit.view"):
        raise Absent
    return found
