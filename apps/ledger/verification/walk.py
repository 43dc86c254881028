"""One pass over the sealed events in their order, in chunks."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

from apps.ledger.merkle import Frontier, leaf_hash
from apps.ledger.models import LedgerEvent, Seal, SealEntry, Tombstone
from apps.ledger.models.seals import START
from apps.ledger.verification.bindings import Texts, Versions
from apps.ledger.verification.rehash import Rehash, columns, select_list
from apps.ledger.verification.report import Report, many
from apps.ledger.verification.signatures import Checkpoints, Ring, check_head, hexed, read_head

CHUNK = 5_000
LATE = dt.timedelta(hours=1)
Progress = Callable[[int, int], None]


def verify(progress: Progress | None = None) -> Report:
    """Looks at everything; reads only. `progress(done, total)` is told after each chunk."""
    return Walk(progress or (lambda done, total: None)).run()


class Entries:
    """(seq, event id, sealed digest, the event's columns or Nones) in their order, in chunks."""

    def __init__(self, last: int, progress: Progress) -> None:
        self.last = last
        self.progress = progress
        self.rows = self.stream()
        self.row = next(self.rows, None)

    def up_to(self, seq: int) -> Iterator[tuple[Any, ...]]:
        while self.row is not None and self.row[0] <= seq:
            row, self.row = self.row, next(self.rows, None)
            yield row

    def stream(self) -> Iterator[tuple[Any, ...]]:
        sql = (
            f"SELECT s.seq, s.event_id, s.digest, {select_list('e')} FROM ledger_sealentry s "  # noqa: S608
            "LEFT JOIN ledger_ledgerevent e ON e.id = s.event_id "
            "WHERE s.seq > %s AND s.seq <= %s ORDER BY s.seq LIMIT %s"
        )
        after, rows = 0, [()] * CHUNK
        while len(rows) == CHUNK:
            with connection.cursor() as cursor:
                cursor.execute(sql, [after, self.last, CHUNK])
                rows = cursor.fetchall()
            yield from rows
            after = rows[-1][0] if rows else after
            self.progress(after, self.last)


class Walk:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.report = Report()
        self.head = read_head()
        self.rehash = Rehash()
        self.at = {name: place + 3 for place, name in enumerate(columns())}
        self.tree = Frontier()
        self.expected = 1
        self.tombstones = list(Tombstone.objects.order_by("first_seq"))

    def run(self) -> Report:
        started = time.monotonic()
        self.ring = Ring(self.report)
        self.checkpoints = Checkpoints(self.report, self.ring)
        self.versions = Versions(self.report)
        self.texts = Texts(self.report)
        last = Seal.objects.order_by("-number").first()
        self.total = last.last_seq if last else 0
        self.seals(last.number if last else 0)
        self.past_the_last()
        self.unsealed()
        self.texts.finish()
        self.purges()
        self.versions.finish(max((stone.until for stone in self.tombstones), default=None))
        self.checkpoints.finish()
        check_head(self.report, self.head)
        self.told()
        self.report.seconds = round(time.monotonic() - started, 3)
        return self.report

    def seals(self, last: int) -> None:
        """Every seal with its entries; a row that is missing or changed is named and passed."""
        before, number = START, 0
        entries = Entries(self.total, self.progress)
        for seal in Seal.objects.filter(number__lte=last).order_by("number").iterator(2_000):
            number += 1
            if seal.number != number:
                self.report.broken(f"Seal {number:,} is gone.", self.expected)
            elif seal.prev_hash != before:
                self.report.broken(
                    f"Seal {number:,} does not follow the one before.", seal.first_seq
                )
            if seal.hash != seal.computed_hash():
                self.report.broken(f"Seal {seal.number:,} was changed.", seal.first_seq)
            self.ring.seal(seal)
            self.batch(seal, entries)
            before, number = seal.hash, seal.number
            self.report.seals = number

    def batch(self, seal: Seal, entries: Entries) -> None:
        tree = Frontier()
        late = threshold(seal.sealed_at - LATE)
        if seal.first_seq != self.expected:
            self.report.broken(
                f"Seal {seal.number:,} begins with event {seal.first_seq:,} where "
                f"{self.expected:,} was due.",
                self.expected,
            )
            self.expected = seal.first_seq
        for row in entries.up_to(seal.last_seq):
            self.missing(row[0] - 1)
            self.expected = row[0] + 1
            self.entry(row, tree, late)
        self.missing(seal.last_seq)
        if tree.size != seal.count:
            self.report.broken(
                f"Seal {seal.number:,} counts {seal.count:,} events; there are {tree.size:,}.",
                seal.first_seq,
            )
        elif tree.root().hex() != seal.merkle_root:
            self.report.broken(
                f"Seal {seal.number:,} (events {seal.first_seq:,}–{seal.last_seq:,}) has another "
                "root: an entry was changed, or two changed places.",
                seal.first_seq,
            )
        self.report.last_seq = seal.last_seq

    def missing(self, to: int) -> None:
        if to >= self.expected:
            which = (
                f"Entry {self.expected:,}"
                if to == self.expected
                else (f"Entries {self.expected:,}–{to:,}")
            )
            self.report.broken(f"{which} of the order of events: gone.", self.expected)
            self.expected = to + 1

    def entry(self, row: tuple[Any, ...], batch: Frontier, late: Any) -> None:
        seq, sealed = row[0], row[2]
        leaf = leaf_hash(hexed(sealed))
        batch.add(leaf)
        self.tree.add(leaf)
        if self.tree.size in self.checkpoints.sizes:
            self.checkpoints.reached(self.tree.size, self.tree.root().hex())
        mark = row[self.at["digest"]]
        if mark is None:
            self.gone(seq)
            return
        found = self.rehash(row[3:])
        if found != sealed or mark != sealed:
            self.changed(seq, row, found, mark, sealed)
            return
        self.report.events += 1
        if row[self.at["at"]] < late:
            self.report.late += 1
        self.bindings(seq, row)

    def bindings(self, seq: int, row: tuple[Any, ...]) -> None:
        at = self.at
        reference, others = row[at["history_ref"]], row[at["versions"]]
        if reference or others != "[]":
            self.versions.take(seq, reference, row[at["history_digest"]], others)
        if row[at["reason_digest"]]:
            self.texts.take(seq, as_uuid(row[at["id"]]), row[at["reason_digest"]])

    def gone(self, seq: int) -> None:
        if any(stone.first_seq <= seq <= stone.last_seq for stone in self.tombstones):
            self.report.purged += 1
        else:
            self.report.broken(f"Event {seq:,} was sealed, and is gone.", seq)

    def changed(self, seq: int, row: tuple[Any, ...], found: str, mark: str, sealed: str) -> None:
        name = f"Event {seq:,} ({row[self.at['type']]})"
        if found != mark:
            self.report.broken(f"{name} was changed: its content does not match its digest.", seq)
        else:
            self.report.broken(
                f"{name} was rewritten together with its digest: the seal holds another.", seq
            )

    def past_the_last(self) -> None:
        """Entries that no seal counts."""
        left = SealEntry.objects.filter(seq__gt=self.report.last_seq).order_by("seq").first()
        if left is not None and not Seal.objects.filter(last_seq__gte=left.seq).exists():
            self.report.broken(f"Entry {left.seq:,} stands after the last seal.", left.seq)

    def unsealed(self) -> None:
        """Events without a place when this began: checked for themselves, and counted."""
        sql = (
            f"SELECT {select_list('e')} FROM ledger_ledgerevent e WHERE NOT EXISTS (SELECT 1 FROM "  # noqa: S608
            "ledger_sealentry s WHERE s.event_id = e.id AND s.seq <= %s)"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [self.total])
            while rows := cursor.fetchmany(CHUNK):
                for row in rows:
                    self.one_unsealed((0, None, None, *row))
        if self.report.unsealed:
            self.report.gap(f"{many(self.report.unsealed, 'event')} not sealed yet")

    def one_unsealed(self, row: tuple[Any, ...]) -> None:
        self.report.unsealed += 1
        if self.rehash(row[3:]) != row[self.at["digest"]]:
            self.report.broken(
                f"An event that is not sealed ({row[self.at['type']]}, "
                f"{as_uuid(row[self.at['id']])}) does not match its digest."
            )
        else:
            self.bindings(0, row)

    def purges(self) -> None:
        """A tombstone counts only with the event that tells of it, and with the root it names."""
        for stone in self.tombstones:
            said = LedgerEvent.objects.filter(pk=stone.event_id, type="ledger.purged").first()
            wanted = {"first_seq": stone.first_seq, "last_seq": stone.last_seq, "root": stone.root}
            told = {name: (said.after or {}).get(name) for name in wanted} if said else {}
            if told != wanted:
                self.report.broken(
                    f"A tombstone covers events {stone.first_seq:,}–{stone.last_seq:,}, and no "
                    "purge of them is on record.",
                    stone.first_seq,
                )
            elif not SealEntry.objects.filter(event_id=stone.event_id).exists():
                self.report.gap(
                    f"the purge of events {stone.first_seq:,}–{stone.last_seq:,} is not sealed yet"
                )
            if range_root(stone.first_seq, stone.last_seq) != stone.root:
                self.report.broken(
                    f"The entries {stone.first_seq:,}–{stone.last_seq:,} are not those that were "
                    "purged.",
                    stone.first_seq,
                )
        if self.report.purged:
            stones = ", ".join(f"{s.first_seq:,}–{s.last_seq:,}" for s in self.tombstones)
            self.report.gap(f"the content of events {stones}, purged after their retention")

    def told(self) -> None:
        if self.report.unsigned_seals:
            self.report.gap(f"{many(self.report.unsigned_seals, 'seal')} without a signature")
        if self.report.late:
            words = many(self.report.late, "event")
            self.report.gap(f"{words} sealed more than an hour after the moment they tell")


def threshold(moment: dt.datetime) -> Any:
    """In the form in which the database's cursor gives moments."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if connection.vendor == "sqlite" else moment


def range_root(first: int, last: int) -> str:
    tree = Frontier()
    rows = SealEntry.objects.filter(seq__range=(first, last)).order_by("seq")
    for mark in rows.values_list("digest", flat=True).iterator(chunk_size=10_000):
        tree.add(leaf_hash(hexed(mark)))
    return tree.root().hex()


def as_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
