"""Plain inserts of records on the hot path: what the ORM would write, at a fraction of its cost."""

from __future__ import annotations

from functools import cache

from django.db import DEFAULT_DB_ALIAS, connections, models

AS_THEY_ARE = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)


@cache
def statement(
    model: type[models.Model],
) -> tuple[str, tuple[tuple[str, models.Field | None], ...]]:
    """The INSERT, and for each column the attribute and the field that has to convert it."""
    fields = model._meta.concrete_fields
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608
    columns = tuple(
        (field.attname, None if isinstance(field, AS_THEY_ARE) else field) for field in fields
    )
    return sql, columns


def insert(row: models.Model) -> None:
    """Inserts the row with every value it carries, in the caller's transaction.

    For records that nobody listens to: no signals, no defaults of the database, no keys made by
    the database. Raises what the database raises (IntegrityError for a row that is there)."""
    link = connections[DEFAULT_DB_ALIAS]
    sql, columns = statement(type(row))
    values = [
        value if field is None or value is None else field.get_db_prep_save(value, link)
        for value, field in ((getattr(row, name), field) for name, field in columns)
    ]
    with link.cursor() as cursor:
        cursor.execute(sql, values)
    row._state.adding = False
    row._state.db = link.alias
