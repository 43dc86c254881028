"""The one writer of the ledger."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, models

from apps.common.acting import current
from apps.common.canonical import digest, plain
from apps.common.clock import now
from apps.common.rows import insert, made
from apps.common.tracked import Tracked, bind_versions
from apps.ledger.catalogue import ACTS
from apps.ledger.models import LedgerEvent, PersonalText


def record(
    *,
    type: str,
    object: models.Model | None = None,
    object_label: str = "",
    outcome: str = "done",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    data_used: list[Any] | None = None,
    policy_versions: dict[str, int] | None = None,
    run_id: uuid.UUID | None = None,
    stream: str = "main",
    at: dt.datetime | None = None,
    typed: bool | None = None,
    left_over: Sequence[models.Model] = (),
) -> LedgerEvent:
    """Appends one event to the ledger, inside the caller's transaction.

    Actor, act, run and trigger come from the acting context; labels are frozen as text. Every
    history row of the transaction that no event has bound yet is bound by this one. A reason that
    somebody `typed` (by default: whatever a person gives) is kept where it can be erased. `at` is
    a moment that the caller has just read from the database's clock. Raises KeyError for an act
    that the catalogue does not know.
    """
    if type not in ACTS:
        raise KeyError(f"The ledger's catalogue does not know the act {type!r}.")
    context = current()
    reference, version_digest = history_reference(object)
    waiting = [*bind_versions(), *left_over]
    others = [bound(row) for row in waiting if reference_to(row) != reference]
    words = reason or context.reason
    typed = context.kind == "person" if typed is None else typed
    event = made(
        LedgerEvent,
        at=at or now(),
        stream=stream,
        type=type,
        actor_kind=context.kind,
        actor_id=context.id,
        actor_label=context.label[:200],
        on_behalf_of=context.on_behalf_of[:200],
        act_id=context.act_id,
        run_id=run_id or context.run_id,
        trigger=context.trigger[:200],
        object_type=object._meta.label_lower if object else "",
        object_id=str(object.pk) if object else "",
        object_label=(object_label or (str(object) if object else ""))[:200],
        history_ref=reference,
        history_digest=version_digest,
        versions=others,
        outcome=outcome,
        reason="" if typed else words,
        before=plain(before),
        after=plain(after),
        data_used=plain(data_used or []),
        policy_versions=plain(policy_versions or {}),
    )
    kept = kept_apart(event, words) if typed and words else None
    event.digest = event.computed_digest()
    insert(event)
    if kept is not None:
        insert(kept)
    return event


def kept_apart(event: LedgerEvent, text: str) -> PersonalText:
    """The text in its own row; the event gets the digest of salt and text."""
    salt = secrets.token_hex(16)
    event.reason_digest = salted(salt, text)
    subject = f"{event.actor_kind}:{event.actor_id}"
    return PersonalText(
        event=event, act_id=event.act_id, subject=subject[:80], salt=salt, text=text
    )


def salted(salt: str, text: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def history_reference(object: models.Model | None) -> tuple[str, str]:
    """The newest version row of a governed object and its digest; ("", "") for anything else."""
    if not isinstance(object, Tracked):
        return "", ""
    version = newest_version(type(object), connection.vendor)
    values = version.read(object._meta.pk.get_db_prep_value(object.pk, connection))
    return (version.name.format(values["history_id"]), digest(values)) if values else ("", "")


@dataclass(frozen=True)
class Reader:
    """Reads the newest version of one object as the ORM would, with the statement and the
    converters worked out once: building them takes longer than asking."""

    name: str
    sql: str
    columns: tuple[str, ...]
    converters: dict[int, tuple[list[Callable[..., Any]], Any]]

    def read(self, pk: Any) -> dict[str, Any]:
        """{} where there is no version."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [pk])
            found = cursor.fetchone()
        if found is None:
            return {}
        row = list(found)
        for index, (steps, expression) in self.converters.items():
            for convert in steps:
                row[index] = convert(row[index], expression, connection)
        return dict(zip(self.columns, row, strict=True))


@cache
def newest_version(model: type[Tracked], vendor: str) -> Reader:
    versions = model.history.model
    asked = versions.objects.filter(**{model._meta.pk.attname: model._meta.pk.to_python(1)})
    compiler = asked.order_by("-history_id")[:1].query.get_compiler(connection=connection)
    sql, _ = compiler.as_sql()
    selected = [column for column, _, _ in compiler.select]
    return Reader(
        name=f"{versions._meta.label_lower}:{{}}",
        sql=sql,
        columns=tuple(column.target.attname for column in selected),
        converters=compiler.get_converters(selected),
    )


def bound(row: models.Model) -> list[str]:
    """[reference, digest] of a history row as the database holds it."""
    kept = type(row)._default_manager.get(pk=row.pk)
    return [reference_to(kept), digest(values_of(kept))]


def reference_to(row: models.Model) -> str:
    return f"{row._meta.label_lower}:{row.pk}"


def values_of(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def bind_left_over(sender: Any, row: models.Model, **kwargs: Any) -> None:
    """A change that told the ledger nothing in its own transaction is told now, with its digest."""
    record(type="history.bound", object_label=str(row), left_over=[row])
