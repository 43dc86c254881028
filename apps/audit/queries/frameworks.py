"""Live counts for the rows of a framework: one question for all of them, each count capped."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.audit.frameworks import Framework, Row
from apps.audit.frameworks.catalogue import FRAMEWORKS
from apps.audit.queries.scope import require_whole
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent

CAP = 1_000


@dataclass(frozen=True)
class Proof:
    row: Row
    number: int

    @property
    def count(self) -> str:
        return f"{self.number:,}" if self.number <= CAP else f"more than {CAP:,}"


def framework(reader: User, slug: str) -> tuple[Framework, list[Proof]]:
    """A framework and what the ledger holds for each of its rows."""
    found = FRAMEWORKS.get(slug)
    if found is None or not holds(reader, "audit.view"):
        raise Absent
    require_whole(reader)
    counts = counted(found.rows)
    return found, [Proof(row, counts[row.code]) for row in found.rows]


def counted(rows: tuple[Row, ...]) -> dict[str, int]:
    counts = {row.code: 0 for row in rows}
    asked = [row for row in rows if row.types]
    if asked:
        parts = [capped(row).query.sql_with_params() for row in asked]
        text = " UNION ALL ".join(
            f"SELECT {index}, COUNT(*) FROM ({sql}) AS part{index}"  # noqa: S608
            for index, (sql, _) in enumerate(parts)
        )
        with connection.cursor() as cursor:
            cursor.execute(text, [value for _, values in parts for value in values])
            counts.update({asked[index].code: number for index, number in cursor.fetchall()})
    return counts


def capped(row: Row) -> QuerySet[LedgerEvent, tuple[str]]:
    found = LedgerEvent.objects.filter(type__in=row.types).order_by()
    return found.values_list("type")[: CAP + 1]
