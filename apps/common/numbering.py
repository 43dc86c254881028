"""Numbers that people say aloud (C-1042): consecutive, and safe when two writers meet."""

from __future__ import annotations

from django.db import IntegrityError, models, transaction
from django.db.models import Max

FIRST = 1001
TRIES = 100


def save_numbered(row: models.Model) -> None:
    """Inserts a row under the next `number` of its table. On PostgreSQL a second writer waits for
    the first at the unique index, loses, and takes the number after; any other violated
    constraint is raised as it is."""
    rows = type(row)._base_manager
    for _ in range(TRIES):
        last = rows.aggregate(last=Max("number"))["last"]
        number = FIRST if last is None else last + 1
        row.number = number  # type: ignore[attr-defined]
        try:
            with transaction.atomic():
                row.save(force_insert=True)
            return
        except IntegrityError:
            if not rows.filter(number=number).exists():
                raise
    raise IntegrityError("No free number was found.")
