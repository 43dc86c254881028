from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps

from apps.access.models import User
from apps.access.queries import holds
from apps.audit.queries.scope import period, require_object
from apps.common.diffing import FieldChange, changed_fields
from apps.common.errors import Absent
from apps.common.tracked import Tracked
from apps.ledger.queries import texts_of_acts

SHOWN = 50
MASKED = frozenset({"password", "digest", "prefix"})


def model_named(label: str) -> type[Tracked]:
    """The governed model `app.model`; Absent for anything else."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        raise Absent from None
    if not issubclass(model, Tracked):
        raise Absent
    return model


@dataclass(frozen=True)
class Version:
    """One version of a governed object, and what it changed against the one before."""

    row: Any
    changes: list[FieldChange]
    reason: str = ""

    @property
    def kind(self) -> str:
        return {"+": "created", "~": "changed", "-": "deleted"}[self.row.history_type]


def versions(reader: User, label: str, pk: str) -> list[Version]:
    """The newest versions of one object, newest first. Raises Absent for who may not see them."""
    if not holds(reader, "audit.view"):
        raise Absent
    model = model_named(label)
    try:
        key = model._meta.pk.to_python(pk)
    except Exception as error:
        raise Absent from error
    require_object(reader, label, pk)
    history: Any = model.history  # type: ignore[attr-defined]
    found = history.filter(**{model._meta.pk.attname: key})
    low, high = period(reader)
    if low:
        found = found.filter(history_date__gte=low)
    if high:
        found = found.filter(history_date__lt=high)
    rows = list(found.order_by("-history_id")[: SHOWN + 1])
    if not rows:
        raise Absent
    earlier = [*rows[1:], None]
    pairs = list(zip(rows, earlier, strict=True))[:SHOWN]
    typed = texts_of_acts({row.act_id for row, _ in pairs})
    return [
        Version(
            row, differences(row, before), row.history_change_reason or typed.get(row.act_id, "")
        )
        for row, before in pairs
    ]


def differences(row: Any, before: Any | None) -> list[FieldChange]:
    return changed_fields(values_of(before) if before else {}, values_of(row))


def values_of(row: Any) -> dict[str, Any]:
    """The governed fields of a version; a secret shows that it changed, never what it is."""
    values = {field.name: getattr(row, field.attname) for field in type(row).tracked_fields}
    for name in MASKED & set(values):
        values[name] = f"hidden ({str(values[name])[:6]}…)" if values[name] else ""
    return values
