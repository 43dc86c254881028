"""Checkpoints: every hour and every day the size and root of the whole ledger, signed, and kept
where the owner of the database cannot reach them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction

from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid
from apps.common.rows import insert
from apps.ledger import keys, notes
from apps.ledger.merkle import Frontier, leaf_hash
from apps.ledger.models import Checkpoint, Cosignature, Seal, SealEntry
from apps.ledger.models.seals import START
from apps.ledger.services import record

log = logging.getLogger(__name__)
HOURLY, DAILY = "hourly", "daily"
HOURS_OF_A_DAY = 24
WITNESS = "witness"


@dataclass(frozen=True)
class Outside:
    """What the folder holds of one checkpoint: "same", "missing" or "differs"."""

    number: int
    state: str


def folder() -> Path:
    return Path(settings.LEDGER["CHECKPOINT_DIR"])


def hour() -> dt.timedelta:
    return dt.timedelta(seconds=settings.LEDGER["HOUR_SECONDS"])


def due(moment: dt.datetime) -> str:
    """The kind of checkpoint that is due, or "": nothing is due while nothing new is sealed."""
    last = Checkpoint.objects.order_by("-number").first()
    if last and (moment - last.at < hour() or last.size == sealed_size()):
        return ""
    days = Checkpoint.objects.filter(kind=DAILY).order_by("-number").first()
    return HOURLY if days and moment - days.at < HOURS_OF_A_DAY * hour() else DAILY


def sealed_size() -> int:
    last = Seal.objects.order_by("-number").first()
    return last.last_seq if last else 0


def keep() -> Checkpoint | None:
    """Beat's sweep: makes the checkpoint that is due, and writes files that could not be written
    before. Nothing is made without a key; the page about the ledger's integrity says so."""
    if settings.LEDGER["MAKES_KEY"] and keys.in_force() is None:
        keys.make_first()
    kind = due(now())
    made = make(kind) if kind and keys.in_force() else None
    write_missing()
    return made


def make(kind: str = HOURLY) -> Checkpoint | None:
    """A checkpoint over all that is sealed; None when there is nothing, or somebody was faster.
    Raises KeyMissing when the private key cannot be read."""
    signer = keys.signer()
    size = sealed_size()
    if signer is None or not size:
        return None
    last = Checkpoint.objects.order_by("-number").first()
    tree = grown(
        Frontier(last.size, map(bytes.fromhex, last.frontier)) if last else Frontier(), size
    )
    public, key = signer
    made = Checkpoint(
        number=(last.number if last else 0) + 1,
        kind=kind,
        at=now(),
        size=size,
        root=tree.root().hex(),
        frontier=[root.hex() for root in tree.roots],
        key=public.fingerprint,
        prev_hash=last.hash if last else START,
    )
    made.note = signed_note(made, public, key)
    made.hash = made.computed_hash()
    try:
        with transaction.atomic():
            insert(made)
            transaction.on_commit(partial(send_outside, made))
    except IntegrityError:
        return None
    return made


def grown(tree: Frontier, size: int) -> Frontier:
    entries = SealEntry.objects.filter(seq__gt=tree.size, seq__lte=size).order_by("seq")
    for mark in entries.values_list("digest", flat=True).iterator(chunk_size=10_000):
        tree.add(leaf_hash(bytes.fromhex(mark)))
    return tree


def signed_note(made: Checkpoint, public: keys.PublicKey, key: Ed25519PrivateKey) -> str:
    text = notes.body(
        origin=settings.LEDGER["ORIGIN"],
        size=made.size,
        root=bytes.fromhex(made.root),
        number=made.number,
        at=made.at,
        prev_hash=made.prev_hash,
    )
    return notes.signed(text, name=settings.LEDGER["ORIGIN"], public=public.public, sign=key.sign)


def send_outside(made: Checkpoint) -> None:
    write_file(made)
    to = settings.LEDGER["CHECKPOINT_MAIL"]
    if to:
        subject = f"Checkpoint {made.number} of {settings.LEDGER['ORIGIN']} ({made.kind})"
        try:
            send_mail(subject, made.note, None, to)
        except OSError as error:
            log.error("Checkpoint %s was not mailed: %s", made.number, error)


def write_file(made: Checkpoint) -> bool:
    """Never over a file that is there: one that differs is evidence."""
    path = folder() / made.file_name
    try:
        folder().mkdir(parents=True, exist_ok=True)
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_text(made.note, encoding="utf-8")
            part.rename(path)
    except OSError as error:
        log.error("Checkpoint %s was not written to %s: %s", made.number, path, error)
        return False
    return True


def write_missing() -> int:
    """Files of the newest checkpoints that are not there yet (the folder was away, or full). An
    older one that is gone is not quietly put back: its absence is told by the verification."""
    newest = Checkpoint.objects.order_by("-number")[:3]
    missing = [made for made in newest if not (folder() / made.file_name).exists()]
    return sum(write_file(made) for made in missing)


def outside(checkpoints: list[Checkpoint]) -> Iterator[Outside]:
    """Each checkpoint against its file. A cosigned file may hold more signatures."""
    for made in checkpoints:
        path = folder() / made.file_name
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            yield Outside(made.number, "missing")
            continue
        yield Outside(made.number, "same" if text.startswith(made.note) else "differs")


def beyond(number: int) -> list[Path]:
    """Files of checkpoints later than the database knows: somebody took those away."""
    return [
        path for path in sorted(folder().glob("checkpoint-*.txt")) if file_number(path) > number
    ]


def file_number(path: Path) -> int:
    digits = path.stem.removeprefix("checkpoint-")
    return int(digits) if digits.isdigit() else 0


def cosign(number: int, key_path: Path) -> Cosignature:
    """A second key holder's signature. First the root is counted again, at this size and at that
    of the last one they signed: they must never sign a ledger that went another way."""
    made = Checkpoint.objects.filter(pk=number).first()
    if made is None:
        raise Absent(f"There is no checkpoint {number}.")
    key = keys.read(key_path)
    public = keys.raw(key.public_key())
    mark = notes.fingerprint(public)
    signed = Cosignature.objects.filter(key=mark).order_by("-checkpoint_number").first()
    if mark in {each.fingerprint for each in keys.told()}:
        raise Invalid("The second signature must come from another key than the ledger's own.")
    refuse_another_way(made, signed)
    moment = now()
    line = notes.cosignature_line(
        notes.read(made.note).text,
        name=f"{settings.LEDGER['ORIGIN']}/{WITNESS}",
        public=public,
        at=int(moment.timestamp()),
        sign=key.sign,
    )
    with transaction.atomic():
        if Cosignature.objects.filter(checkpoint_number=number, key=mark).exists():
            raise Conflict(f"This key signed checkpoint {number} already.")
        row = Cosignature.objects.create(checkpoint_number=number, key=mark, line=line, at=moment)
        record(
            type="ledger.cosigned",
            object_label=f"Checkpoint {number}",
            after={"fingerprint": mark, "public_key": public.hex(), "line": line.strip()},
            stream=keys.STREAM,
        )
        transaction.on_commit(partial(add_line, made, line))
    return row


def refuse_another_way(made: Checkpoint, signed: Cosignature | None) -> None:
    sizes = [made]
    if signed:
        sizes.insert(0, Checkpoint.objects.get(pk=signed.checkpoint_number))
    if sizes[0].number > made.number:
        raise Invalid(f"This key signed checkpoint {sizes[0].number} already, which is newer.")
    tree = Frontier()
    for each in sizes:
        tree = grown(tree, each.size)
        if tree.root().hex() != each.root:
            raise Invalid(
                f"The ledger no longer has the root of checkpoint {each.number}: do not sign."
            )


def add_line(made: Checkpoint, line: str) -> None:
    """Under the file outside, for whoever holds it."""
    path = folder() / made.file_name
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        log.error("The second signature was not written to %s: %s", path, error)
