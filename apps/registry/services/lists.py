"""Lists of values that the organisation knows."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.errors import Invalid
from apps.ledger.services import record
from apps.registry.models import ReferenceList
from apps.registry.services.stamp import bump

MOST_VALUES = 20_000


@permitted("tools.manage")
@transaction.atomic
def save_reference_list(
    *, actor: User | None, slug: str, title: str, values: Iterable[str], reason: str
) -> ReferenceList:
    """Writes a list of values that the organisation knows; facts change with the next judgement."""
    kept = sorted({value.strip() for value in values} - {""})
    if len(kept) > MOST_VALUES:
        raise Invalid(f"A list holds at most {MOST_VALUES} values.")
    row = ReferenceList.objects.select_for_update().filter(slug=slug).first()
    row = row or ReferenceList(slug=slug)
    before = {"values": len(row.values)}
    row.title, row.values = title, kept
    with acting(reason=reason):
        row.save()
        bump()
        record(
            type="reference_list.saved",
            object=row,
            reason=reason,
            before=before,
            after={"values": len(kept)},
        )
    return row
