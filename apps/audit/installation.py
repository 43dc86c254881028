"""What audit needs of the database besides its tables: the index of words, which is a virtual
table of FTS5 or a column under GIN, and on every version table the index of "as it was", the
newest version of one object not later than a moment (audit.md 3.2: 0.1 ms with it, 25 without).
"""

from __future__ import annotations

from django.apps import apps
from django.db import connections
from django.db.models import Model


def version_tables() -> list[tuple[str, str]]:
    """(table, column of the object's key) of every history model."""
    models: list[type[Model]] = [
        model for model in apps.get_models() if hasattr(model, "history_object")
    ]
    return [
        (model._meta.db_table, str(model.instance_type._meta.pk.column))  # type: ignore[attr-defined]
        for model in models
    ]


WORDS = {
    "sqlite": (
        "CREATE VIRTUAL TABLE IF NOT EXISTS audit_trailwords USING fts5("
        "tokens, content='', detail=none, columnsize=0, tokenize='unicode61 remove_diacritics 0')",
    ),
    "postgresql": (
        "CREATE TABLE IF NOT EXISTS audit_trailwords"
        " (number bigint PRIMARY KEY, tokens tsvector NOT NULL)",
        "CREATE INDEX IF NOT EXISTS audit_trailwords_gin ON audit_trailwords USING gin (tokens)",
    ),
}


def install(using: str) -> None:
    """Creates what is missing; running it again changes nothing."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in WORDS[connection.vendor]:
            cursor.execute(statement)
    index_versions(using)


def index_versions(using: str) -> None:
    connection = connections[using]
    existing = set(connection.introspection.table_names())
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table, key in version_tables():
            if table in existing:
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS {quote(f'{table}_as_of'[-60:])}"
                    f" ON {quote(table)} ({quote(key)}, history_date DESC, history_id DESC)"
                )
