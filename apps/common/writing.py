"""A queue in front of SQLite's one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_turn = threading.Lock()


@contextmanager
def writing() -> Iterator[None]:
    """`transaction.atomic` for the hot path. SQLite makes writers that meet sleep and try again,
    for up to a tenth of a second each time; threads of one process take turns here instead.
    Inside an open transaction, and on PostgreSQL, it is `transaction.atomic` and no more."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    with _turn, transaction.atomic():
        yield
