"""Conditions that SQLite can match with a partial index: spelt out in the statement itself.

With bound values the planner does not see that a query asks for nothing but what the index holds,
and reads the whole table instead. PostgreSQL sees it either way.
"""

from __future__ import annotations

from django.db import models
from django.db.models.expressions import RawSQL


def spelt_out(model: type[models.Model], field: str, *values: str) -> RawSQL:
    """`field = 'value'` or `field IN (…)`, to be read like the condition of the index. The values
    are constants of the program, never input."""
    name = f'"{model._meta.db_table}"."{field}"'
    words = ", ".join(f"'{value}'" for value in values)
    if not all(value.isidentifier() for value in values):
        raise ValueError(words)
    test = f"{name} = {words}" if len(values) == 1 else f"{name} IN ({words})"
    return RawSQL(test, (), output_field=models.BooleanField())  # noqa: S611
