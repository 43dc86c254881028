"""Tracked: the base of every governed model. Each change leaves a version with actor and reason."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar, Self

from django.db import connection, models, transaction
from django.dispatch import Signal, receiver
from django.utils import timezone
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from apps.common.acting import current

# Sent after the commit with `row`: a history row that no event of its transaction bound.
left_unbound = Signal()


class HistoryContext(models.Model):
    """What every history row adds to simple-history's own columns. No key to people: labels stay
    when people go."""

    act_id = models.UUIDField(null=True, editable=False, db_index=True)
    actor_kind = models.CharField(max_length=10, editable=False, default="system")
    actor_id = models.CharField(max_length=64, editable=False, default="")
    actor_label = models.CharField(max_length=200, editable=False, default="")
    on_behalf_of = models.CharField(max_length=200, editable=False, default="")
    run_id = models.UUIDField(null=True, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        transaction.on_commit(Unbound(self), robust=True)


class Binding:
    """Stands among the transaction's callbacks for an event that binds history rows. A savepoint
    that is rolled back takes the event and this along."""

    def __call__(self) -> None:
        """Nothing to do: it was there until the commit."""


class Unbound:
    """A history row of this transaction, until an event binds it by digest."""

    def __init__(self, row: models.Model) -> None:
        self.row = row
        self.binding: weakref.ref[Binding] | None = None

    @property
    def bound(self) -> bool:
        return self.binding is not None and self.binding() is not None

    def __call__(self) -> None:
        if not self.bound:
            left_unbound.send(type(self.row), row=self.row)


def bind_versions() -> list[models.Model]:
    """The history rows of the transaction that no event has bound; the caller's event does now."""
    waiting = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], Unbound)]
    free = [each for each in waiting if not each.bound]
    if free:
        binding = Binding()
        transaction.on_commit(binding)
        for each in free:
            each.binding = weakref.ref(binding)
    return [each.row for each in free]


class TrackedQuerySet(models.QuerySet[Any]):
    """Refuses writes that history would not see."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("History would not see update(); use compare_and_set() in a service.")

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("History would not see bulk_create(); save each object.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("History would not see bulk_update(); save each object.")


class Tracked(models.Model):
    """History by django-simple-history; the acting context says who and why."""

    history = HistoricalRecords(
        inherit=True,
        bases=[HistoryContext],
        history_user_id_field=models.BigIntegerField(null=True, editable=False),
        history_user_getter=lambda historical_instance: None,
        history_user_setter=lambda historical_instance, user: None,
        history_change_reason_field=models.TextField(default="", null=True),
    )
    objects: ClassVar[models.Manager[Any]] = TrackedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """`update_fields` is refused: history would record fields that the row does not have."""
        if kwargs.get("update_fields") is not None:
            raise TypeError("Tracked rows are saved whole, or changed by compare_and_set().")
        super().save(*args, **kwargs)

    def compare_and_set(self, *, where: dict[str, Any], **changes: Any) -> bool:
        """One guarded UPDATE: changes the row if it still matches `where`, and writes the version
        in the same transaction. False means that somebody was faster; nothing was written."""
        model = type(self)
        with transaction.atomic():
            rows = models.QuerySet(model).filter(pk=self.pk, **where).update(**changes)
            if not rows:
                return False
            self.refresh_from_db()
            record_version(self)
        return True

    @classmethod
    def lock(cls, pk: Any) -> Self:
        """The row, locked until the transaction ends (SQLite transactions are IMMEDIATE)."""
        return cls._default_manager.select_for_update().get(pk=pk)  # type: ignore[return-value]


def record_version(row: Tracked) -> None:
    """Writes the version that a guarded UPDATE made, as simple-history would for a save()."""
    versions: Any = type(row).history.model  # type: ignore[attr-defined]
    values = {field.attname: getattr(row, field.attname) for field in versions.tracked_fields}
    version = versions(history_date=timezone.now(), history_type="~", **values)
    add_context(sender=versions, history_instance=version)
    version.save()


@receiver(pre_create_historical_record)
def add_context(sender: Any, **kwargs: Any) -> None:
    row = kwargs["history_instance"]
    context = current()
    row.act_id = context.act_id
    row.actor_kind = context.kind
    row.actor_id = context.id
    row.actor_label = context.label
    row.on_behalf_of = context.on_behalf_of
    row.run_id = context.run_id
    # What a person typed stands once, where it can be erased: with the ledger's event of the act.
    typed = context.kind == "person"
    row.history_change_reason = row.history_change_reason or ("" if typed else context.reason)
