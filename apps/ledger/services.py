"""The one writer of the ledger."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import models

from apps.common.acting import current
from apps.common.canonical import digest, plain
from apps.common.clock import now
from apps.common.rows import insert, made
from apps.common.tracked import Tracked
from apps.ledger.catalogue import ACTS
from apps.ledger.models import LedgerEvent


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
) -> LedgerEvent:
    """Appends one event to the ledger, inside the caller's transaction.

    Actor, act, run and trigger come from the acting context; labels are frozen as text. `at` is a
    moment that the caller has just read from the database's clock. Raises KeyError for an act
    that the catalogue does not know.
    """
    if type not in ACTS:
        raise KeyError(f"The ledger's catalogue does not know the act {type!r}.")
    context = current()
    reference, version_digest = history_reference(object)
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
        outcome=outcome,
        reason=reason or context.reason,
        before=plain(before),
        after=plain(after),
        data_used=plain(data_used or []),
        policy_versions=plain(policy_versions or {}),
    )
    event.digest = event.computed_digest()
    insert(event)
    return event


def history_reference(object: models.Model | None) -> tuple[str, str]:
    """The newest version row of a governed object and its digest; ("", "") for anything else."""
    if not isinstance(object, Tracked):
        return "", ""
    versions: Any = type(object).history  # type: ignore[attr-defined]
    row = versions.filter(**{object._meta.pk.attname: object.pk}).order_by("-history_id").first()
    if row is None:
        return "", ""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return f"{row._meta.label_lower}:{row.pk}", digest(values)
