"""The hot path's own way to the database: what the ORM would write, at a fraction of its cost.

For records that nobody listens to: no signals, no defaults and no keys made by the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState
from django.db.models.fields import NOT_PROVIDED

M = TypeVar("M", bound=models.Model)
Convert = Callable[[Any], Any]
AS_THEY_ARE = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)


@cache
def blanks(model: type[models.Model]) -> tuple[tuple[str, Callable[[], Any] | None, Any], ...]:
    """Every column, and what it holds when nobody says: (attribute, maker, constant)."""
    found = []
    for field in model._meta.concrete_fields:
        default = None if field.default is NOT_PROVIDED else field.default
        text = isinstance(field, (models.CharField, models.TextField)) and not field.null
        make = default if callable(default) else None
        found.append((field.attname, make, "" if default is None and text else default))
    return tuple(found)


def made(model: type[M], related: dict[str, Any] | None = None, **values: Any) -> M:
    """A row with these values, by the names of its columns, without the cost of Django's own
    constructor; `related` are rows that its foreign keys point to. Nothing is checked."""
    row = model.__new__(model)
    row._state = ModelState()
    if related:
        row._state.fields_cache.update(related)
    row.__dict__.update(
        {
            name: values[name] if name in values else make() if make else constant
            for name, make, constant in blanks(model)
        }
    )
    return row


@cache
def statement(
    model: type[models.Model], alias: str
) -> tuple[str, tuple[tuple[str, Convert | None], ...]]:
    """The INSERT, and for each column the attribute and what converts its value."""
    fields = model._meta.concrete_fields
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608
    link = connections[alias]
    return sql, tuple((field.attname, conversion(field, link)) for field in fields)


def conversion(field: models.Field[Any, Any], link: BaseDatabaseWrapper) -> Convert | None:
    """None for what is written as it is."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, AS_THEY_ARE):
        return None
    if isinstance(target, models.JSONField) and target.encoder is None:
        return json.dumps
    return lambda value: target.get_db_prep_save(value, link)


def insert(row: models.Model) -> None:
    """Inserts the row with every value it carries, in the caller's transaction. Raises what the
    database raises (IntegrityError for a row that is there)."""
    alias = DEFAULT_DB_ALIAS
    sql, columns = statement(type(row), alias)
    held = row.__dict__
    run(
        sql,
        [
            value if convert is None or value is None else convert(value)
            for value, convert in ((held[name], convert) for name, convert in columns)
        ],
    )
    row._state.adding = False
    row._state.db = alias


def run(sql: str, values: Sequence[Any]) -> None:
    """One statement with a `%s` for each value, straight to the driver; where queries are
    counted or shown, by Django's own cursor."""
    link = connections[DEFAULT_DB_ALIAS]
    if link.queries_logged:
        with link.cursor() as cursor:
            cursor.execute(sql, values)
        return
    straight(link, sql, values)


def one(sql: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """The one row that a question answers with."""
    link = connections[DEFAULT_DB_ALIAS]
    if link.queries_logged:
        with link.cursor() as cursor:
            cursor.execute(sql, values)
            return tuple(cursor.fetchone())
    with link.wrap_database_errors:
        return tuple(straight(link, sql, values).fetchone())


def straight(link: BaseDatabaseWrapper, sql: str, values: Sequence[Any]) -> Any:
    """The driver's cursor. On PostgreSQL the statement is prepared once per connection."""
    link.close_if_health_check_failed()
    link.ensure_connection()
    link.validate_no_broken_transaction()
    with link.wrap_database_errors:
        if link.vendor == "sqlite":
            return link.connection.execute(marked(sql), values)
        return psycopg.Cursor(link.connection).execute(sql, values, prepare=True)


@cache
def marked(sql: str) -> str:
    """The statement as SQLite's driver writes it."""
    return sql.replace("%s", "?").replace("%%", "%")


@contextmanager
def together() -> Iterator[None]:
    """Statements that need no answer of each other: on PostgreSQL they go out in one round trip,
    and what one of them raises is raised at the end."""
    link = connections[DEFAULT_DB_ALIAS]
    if link.vendor != "postgresql" or link.queries_logged:
        yield
        return
    link.ensure_connection()
    with link.wrap_database_errors, link.connection.pipeline():
        yield
