"""Keys, signatures, checkpoints, and what stands outside the database."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Max

from apps.ledger import checkpoints, keys, notes, sealing
from apps.ledger.models import Checkpoint, Seal
from apps.ledger.models.seals import START
from apps.ledger.verification.report import Report, many


class Ring:
    """The keys that may sign: those that people pinned and what these endorse; without a pin,
    what the ledger told."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.told = {key.fingerprint: key for key in keys.told()}
        self.pins = list(settings.LEDGER["FINGERPRINTS"])
        self.trusted: dict[str, bytes] = {}
        self.gather()

    def gather(self) -> None:
        for mark, key in self.told.items():
            if not self.pins or mark in self.pins or self.endorsed(key):
                self.trusted[mark] = key.public
        self.report.keys = sorted(self.trusted)
        if self.told and not self.pins:
            self.report.gap(
                "whose the keys are: the ledger's own word was taken "
                "(pin them with COUNCIL_LEDGER_FINGERPRINTS)"
            )

    def endorsed(self, key: keys.PublicKey) -> bool:
        said: dict[str, Any] = key.told_by.after or {}
        before = self.trusted.get(said.get("replaces", ""))
        signature = said.get("endorsement", "")
        if before is None or not signature:
            return False
        return keys.genuine(before, bytes.fromhex(signature), keys.endorsed_message(key.public))

    def seal(self, seal: Seal) -> None:
        if not seal.key:
            self.report.unsigned_seals += 1
            return
        public = self.trusted.get(seal.key)
        if public is None:
            self.report.broken(
                f"Seal {seal.number:,} is signed by a key that is not the ledger's.", seal.first_seq
            )
        elif not keys.genuine(public, hexed(seal.signature), hexed(seal.hash)):
            self.report.broken(
                f"The signature of seal {seal.number:,} does not belong to it.", seal.first_seq
            )


def hexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


class Checkpoints:
    """Each checkpoint against the tree as it was counted again, its predecessor, its signature
    and its file."""

    def __init__(self, report: Report, ring: Ring) -> None:
        self.report = report
        self.ring = ring
        self.rows = list(Checkpoint.objects.order_by("number"))
        self.roots: dict[int, str] = {}
        self.sizes = {row.size for row in self.rows}

    def reached(self, size: int, root: str) -> None:
        self.roots[size] = root

    def finish(self) -> None:
        before, number = START, 0
        for row in self.rows:
            number += 1
            trouble = self.trouble(row, before, number)
            if trouble:
                self.report.broken(trouble, row.size)
            else:
                self.report.checkpoints += 1
            before, number = row.hash, row.number
        self.outside(number)
        if not self.rows:
            self.report.gap("no checkpoint is there yet, so the whole could be rewritten")
        elif self.rows[-1].size < self.report.last_seq:
            left = self.report.last_seq - self.rows[-1].size
            self.report.gap(f"{many(left, 'event')} after the last checkpoint (sealed)")

    def trouble(self, row: Checkpoint, before: str, number: int) -> str:
        name = f"Checkpoint {row.number:,}"
        if row.number != number:
            return f"Checkpoint {number:,} is gone."
        if row.prev_hash != before or row.hash != row.computed_hash():
            return f"{name} was changed."
        try:
            note = notes.read(row.note)
        except notes.Malformed as error:
            return f"{name} cannot be read. {error}"
        said = (note.size, note.root.hex(), note.number, note.prev_hash)
        if said != (row.size, row.root, row.number, row.prev_hash):
            return f"{name} does not say what its note says."
        public = self.ring.trusted.get(row.key)
        signature = notes.signature_by(note, public) if public else None
        if not public or signature is None:
            return f"{name} is signed by a key that is not the ledger's."
        if not keys.genuine(public, signature, note.text.encode()):
            return f"The signature of checkpoint {row.number:,} does not belong to it."
        if self.roots.get(row.size) != row.root:
            return (
                f"The first {row.size:,} events are not those that checkpoint "
                f"{row.number:,} signed."
            )
        return ""

    def outside(self, last: int) -> None:
        """The files. One that differs breaks; one that is missing is told."""
        missing = []
        for found in checkpoints.outside(self.rows):
            if found.state == "differs":
                self.report.broken(
                    f"Checkpoint {found.number:,} in the database is not the one in its file."
                )
            elif found.state == "missing":
                missing.append(found.number)
            else:
                self.report.outside += 1
        for path in checkpoints.beyond(last):
            self.report.broken(
                f"{path.name} was written outside, and the database has no such checkpoint."
            )
        if missing:
            words = many(len(missing), "checkpoint file")
            self.report.gap(f"{words} missing outside, the first is number {missing[0]:,}")


def check_head(report: Report, head: dict[str, str] | None) -> None:
    """The last seal as it was written outside, read before the database was."""
    last = Seal.objects.aggregate(last=Max("number"))["last"] or 0
    if head is None:
        if last:
            report.gap("the file of the last seal is missing outside")
        return
    number = int(head["seal"])
    seal = Seal.objects.filter(pk=number).first()
    if seal is None:
        report.broken(
            f"The newest seals are gone: seal {number:,}, to event {int(head['last_seq']):,}, was "
            f"written outside, and the database ends with seal {last:,}."
        )
    elif seal.hash != head["hash"]:
        report.broken(f"Seal {number:,} is not the one that was written outside.", seal.first_seq)


def read_head() -> dict[str, str] | None:
    return sealing.read_head()
