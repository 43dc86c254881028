"""The database itself refuses to change or remove what was recorded (audit.md 3.3)."""

from __future__ import annotations

from django.apps import apps
from django.db import connections
from django.db.models import Model

SENTENCE = "The audit trail is append-only."
INSERT_ONLY = ("LedgerEvent", "SealEntry", "Seal", "Checkpoint", "Cosignature", "Tombstone")


def protected_tables() -> list[tuple[str, str]]:
    """(table, primary key column) of the ledger's tables and of every history table."""
    models: list[type[Model]] = [apps.get_model("ledger", name) for name in INSERT_ONLY]
    models += [model for model in apps.get_models() if hasattr(model, "history_object")]
    return [(model._meta.db_table, str(model._meta.pk.column)) for model in models]


def protect(using: str) -> None:
    """Installs the triggers; running it again changes nothing."""
    connection = connections[using]
    statements = sqlite if connection.vendor == "sqlite" else postgresql
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table, key in protected_tables():
            if table in existing:
                for statement in statements(table, key):
                    cursor.execute(statement)


def unprotect(using: str) -> None:
    """Removes the triggers: for tests, and for the retention command of the owner's role."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for table, _key in protected_tables():
            for act in ("update", "delete", "replace", "truncate"):
                suffix = "" if connection.vendor == "sqlite" else f' ON "{table}"'
                cursor.execute(f'DROP TRIGGER IF EXISTS "{table}_no_{act}"{suffix}')


def sqlite(table: str, key: str) -> list[str]:
    """REPLACE deletes without a delete trigger unless recursive_triggers is on, and it is set per
    connection; so an insert over an existing key is refused as well."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
    return [
        f'CREATE TRIGGER IF NOT EXISTS "{table}_no_update" BEFORE UPDATE ON "{table}" {refuse}',
        f'CREATE TRIGGER IF NOT EXISTS "{table}_no_delete" BEFORE DELETE ON "{table}" {refuse}',
        f'CREATE TRIGGER IF NOT EXISTS "{table}_no_replace" BEFORE INSERT ON "{table}" '  # noqa: S608
        f'WHEN EXISTS (SELECT 1 FROM "{table}" WHERE "{key}" = NEW."{key}") {refuse}',
    ]


def postgresql(table: str, key: str) -> list[str]:
    refuse = (
        "CREATE OR REPLACE FUNCTION council_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SENTENCE}'; END $$"
    )
    statements = [refuse]
    for act, level in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
        statements += [
            f'DROP TRIGGER IF EXISTS "{table}_no_{act}" ON "{table}"',
            f'CREATE TRIGGER "{table}_no_{act}" BEFORE {act.upper()} ON "{table}" '
            f"FOR EACH {level} EXECUTE FUNCTION council_append_only()",
        ]
    return statements
