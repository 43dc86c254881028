"""History rows and typed texts against the digests that the events hold of them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from apps.common.canonical import digest
from apps.ledger.models import LedgerEvent, PersonalText
from apps.ledger.services import reference_to, salted, values_of
from apps.ledger.verification.report import Report, many

CHUNK = 500
LISTED = 5


class Versions:
    """Which history rows the events bind. What is seen of each table is one bit per row."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.waiting: dict[str, dict[str, tuple[int, str]]] = {}
        self.seen: dict[str, bytearray] = {}
        self.lately = timezone.now() - dt.timedelta(hours=1)

    def take(self, seq: int, reference: str, mark: str, others: str | None) -> None:
        """An event's own row, and the JSON text of the others that it binds."""
        if reference:
            self.add(seq, reference, mark)
        if others and others != "[]":
            for other, its_mark in json.loads(others):
                self.add(seq, other, its_mark)

    def add(self, seq: int, reference: str, mark: str) -> None:
        label, _, pk = reference.rpartition(":")
        waiting = self.waiting.setdefault(label, {})
        earlier = waiting.get(pk)
        if earlier and earlier[1] != mark:
            self.settle(label)
            waiting = self.waiting.setdefault(label, {})
        waiting[pk] = (seq, mark)
        if len(waiting) >= CHUNK:
            self.settle(label)

    def settle(self, label: str) -> None:
        waiting = self.waiting.pop(label, {})
        model = model_named(label)
        if model is None:
            self.report.gap(f"{many(len(waiting), 'history row')} of “{label}”, which is gone")
            return
        rows = {str(row.pk): row for row in model._default_manager.filter(pk__in=list(waiting))}
        for pk, (seq, mark) in waiting.items():
            row = rows.get(pk)
            if row is None:
                self.report.broken(
                    f"The history row {label} {pk}, which event {place(seq)} binds, is gone.", seq
                )
            elif digest(values_of(row)) != mark:
                self.report.broken(
                    f"The history row {label} {pk} is not as event {place(seq)} bound it.", seq
                )
            else:
                self.mark(label, int(pk))

    def mark(self, label: str, pk: int) -> None:
        bits = self.seen.setdefault(label, bytearray())
        if len(bits) <= pk >> 3:
            bits.extend(bytes((pk >> 3) + 1 + len(bits) // 2 - len(bits)))
        if not bits[pk >> 3] >> (pk & 7) & 1:
            bits[pk >> 3] |= 1 << (pk & 7)
            self.report.history_rows += 1

    def marked(self, label: str, pk: int) -> bool:
        bits = self.seen.get(label, b"")
        return pk >> 3 < len(bits) and bool(bits[pk >> 3] >> (pk & 7) & 1)

    def finish(self, purged_until: dt.datetime | None) -> None:
        """Checks what waits, and counts the rows that no event binds."""
        for label in list(self.waiting):
            self.settle(label)
        left: list[str] = []
        before_purge = 0
        for model in history_models():
            label = model._meta.label_lower
            rows = model._default_manager.order_by("pk").values_list("pk", "history_date")
            for pk, moment in rows.iterator(chunk_size=5_000):
                if self.marked(label, pk) or (moment > self.lately and bound_since(model, pk)):
                    continue
                if purged_until is not None and moment < purged_until:
                    before_purge += 1
                    continue
                self.report.unbound_rows += 1
                if len(left) < LISTED:
                    left.append(f"{label} {pk}")
        if self.report.unbound_rows:
            names = ", ".join(left) + (" …" if self.report.unbound_rows > LISTED else "")
            words = many(self.report.unbound_rows, "history row")
            self.report.gap(f"{words} that no event binds ({names})")
        if before_purge:
            self.report.gap(f"{many(before_purge, 'history row')} whose events were purged")


class Texts:
    """Typed texts against `reason_digest`; one that is gone must be named by an erasure."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.waiting: dict[uuid.UUID, tuple[int, str]] = {}
        self.erased = erased_events()

    def take(self, seq: int, event_id: uuid.UUID, mark: str) -> None:
        self.waiting[event_id] = (seq, mark)
        if len(self.waiting) >= CHUNK:
            self.settle()

    def settle(self) -> None:
        rows = PersonalText.objects.in_bulk(list(self.waiting))
        for pk, (seq, mark) in self.waiting.items():
            self.check(seq, mark, rows.get(pk), pk)
        self.waiting = {}

    def check(self, seq: int, mark: str, row: PersonalText | None, pk: uuid.UUID) -> None:
        if row is None or row.erased_at is not None:
            if pk in self.erased:
                self.report.erased_texts += 1
            else:
                self.report.broken(
                    f"The text of event {place(seq)} is gone, and no erasure is on record.", seq
                )
        elif salted(row.salt, row.text) != mark:
            self.report.broken(f"The text of event {place(seq)} was changed.", seq)
        else:
            self.report.texts += 1

    def finish(self) -> None:
        self.settle()
        if self.report.erased_texts:
            words = many(self.report.erased_texts, "typed text")
            self.report.gap(f"{words} erased on request (digests kept)")


def bound_since(model: Any, pk: int) -> bool:
    """Whether an event binds the row after all: one that came while the verification ran."""
    row = model._default_manager.get(pk=pk)
    reference = reference_to(row)
    events = LedgerEvent.objects.filter(act_id=row.act_id)
    return any(
        reference == event.history_ref or reference in {other for other, _ in event.versions}
        for event in events
    )


def erased_events() -> set[uuid.UUID]:
    found = LedgerEvent.objects.filter(type="ledger.text_erased").values_list("after", flat=True)
    return {uuid.UUID(pk) for said in found.iterator() for pk in (said or {}).get("events", [])}


def model_named(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def history_models() -> list[Any]:
    return [model for model in apps.get_models() if hasattr(model, "history_object")]


def place(seq: int) -> str:
    return f"{seq:,}" if seq else "(not sealed)"
