"""Canonical bytes are those of RFC 8785, by whichever way they are made; so are plain inserts."""

from __future__ import annotations

import datetime as dt
import decimal
import threading
import uuid
from typing import Any

import pytest
import rfc8785
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.common.canonical import LARGEST_EXACT, canonical, digest, plain
from apps.common.clock import now
from apps.common.rows import insert
from apps.common.writing import writing
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from tests.support import forget_installation

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
ODD = st.sampled_from(
    ["\u007f", "\u2028", "\ue000", "\uffff", "\U00010000", "😀", "\x00", "\x1f", '"\\/']
)
LEAF = st.none() | st.booleans() | st.integers(-LARGEST_EXACT, LARGEST_EXACT) | TEXT | ODD
VALUE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | ODD, inner, max_size=4),
    max_leaves=12,
)


@given(VALUE)
def test_the_fast_way_gives_the_bytes_of_the_standard(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_what_json_cannot_say_has_one_plain_form() -> None:
    moment = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    found = plain({"at": moment, "sum": decimal.Decimal("1.50"), "n": 2**60, "s": {"b", "a"}, 1: 2})
    assert found == {
        "at": "2026-03-01T11:00:00.000000Z",
        "sum": "1.50",
        "n": str(2**60),
        "s": ["a", "b"],
        "1": 2,
    }
    with pytest.raises(TypeError):
        plain(object())


def test_half_a_character_has_no_canonical_form() -> None:
    with pytest.raises(ValueError):
        digest({"words": "\ud800"})


@pytest.mark.django_db
def test_a_plain_insert_writes_what_the_orm_would_write() -> None:
    forget_installation()
    first = record(type="run.started", reason="ö😀", after={"n": [1, None]}, run_id=uuid.uuid4())
    values = {
        field.attname: getattr(first, field.attname) for field in LedgerEvent._meta.concrete_fields
    }
    second = LedgerEvent(**{**values, "id": uuid.uuid4()})
    insert(second)
    third = LedgerEvent(**{**values, "id": uuid.uuid4()})
    third.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM ledger_ledgerevent ORDER BY id")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert len({tuple(str(row[name]) for name in names if name != "id") for row in rows}) == 1
    assert LedgerEvent.objects.get(pk=second.pk).after == {"n": [1, None]}
    assert LedgerEvent.objects.get(pk=first.pk).computed_digest() == first.digest


@pytest.mark.django_db(transaction=True)
def test_threads_that_write_take_turns_and_a_failure_gives_its_turn_back() -> None:
    forget_installation()
    with pytest.raises(ZeroDivisionError), writing():
        _ = 1 / 0
    troubles: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                with writing(), writing():
                    record(type="run.started", at=now())
        except BaseException as error:
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert troubles == []
    assert LedgerEvent.objects.count() == 80
    assert not transaction.get_connection().in_atomic_block
