"""The one sealer: gives committed events their place, and seals each batch into the chain.

Writers take no part in it. Events are looked for outside the transaction; inside it are inserts
only, and the uniqueness of place, event and predecessor is what makes a second sealer lose.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import uuid
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from apps.common.clock import now
from apps.common.rows import insert
from apps.ledger import keys
from apps.ledger.merkle import root_of
from apps.ledger.models import Seal, SealEntry
from apps.ledger.models.seals import START
from apps.ledger.protection import SENTENCE

log = logging.getLogger(__name__)
BATCH = 2_000
LOCK = 0x0C0117C1
# Ids begin with the time; what committed later than this after its id was made waits for a look
# at everything.
SLACK = dt.timedelta(seconds=60)
NEW = """SELECT e.id, e.digest FROM ledger_ledgerevent e
 WHERE e.id >= %s AND NOT EXISTS (SELECT 1 FROM ledger_sealentry s WHERE s.event_id = e.id)
 ORDER BY e.id LIMIT %s"""


def seal(*, everything: bool = False) -> int:
    """Seals what is committed and not sealed; the number of events. `everything` looks at the
    whole ledger, also where a clock was set back, and not only at the last minute."""
    total = 0
    since = uuid.UUID(int=0) if everything else recent()
    while True:
        found = unsealed(since, BATCH)
        if not found or not seal_batch(found):
            return total
        total += len(found)
        if len(found) < BATCH:
            return total


def recent() -> uuid.UUID:
    """The smallest id that an event of the last minute before the last seal can have."""
    last = Seal.objects.order_by("-number").first()
    if last is None:
        return uuid.UUID(int=0)
    floor = last.sealed_at - SLACK
    return uuid.UUID(int=max(0, int(floor.timestamp() * 1000)) << 80)


def unsealed(since: uuid.UUID, limit: int) -> list[tuple[uuid.UUID, str]]:
    key = since.hex if connection.vendor == "sqlite" else since
    with connection.cursor() as cursor:
        cursor.execute(NEW, [key, limit])
        rows = cursor.fetchall()
    return [
        (found if isinstance(found, uuid.UUID) else uuid.UUID(found), mark) for found, mark in rows
    ]


def seal_batch(found: list[tuple[uuid.UUID, str]]) -> bool:
    """False when another sealer was faster; nothing is written then."""
    root = root_of(bytes.fromhex(mark) for _, mark in found)
    try:
        with transaction.atomic():
            if not alone():
                return False
            made = write(found, root.hex())
    except IntegrityError as error:
        if SENTENCE in str(error):
            raise
        return False
    write_head(made)
    return True


def alone() -> bool:
    """On PostgreSQL, whether no other sealer is at it; SQLite has one writer at a time anyway."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def write(found: list[tuple[uuid.UUID, str]], root: str) -> Seal:
    last = Seal.objects.order_by("-number").first()
    first_seq = (last.last_seq if last else 0) + 1
    SealEntry.objects.bulk_create(
        SealEntry(seq=first_seq + place, event_id=pk, digest=mark)
        for place, (pk, mark) in enumerate(found)
    )
    made = Seal(
        number=(last.number if last else 0) + 1,
        first_seq=first_seq,
        last_seq=first_seq + len(found) - 1,
        count=len(found),
        merkle_root=root,
        sealed_at=now(),
        prev_hash=last.hash if last else START,
    )
    try:
        signer = keys.signer()
    except keys.KeyMissing as error:
        log.error("The seal is not signed: %s", error)
        signer = None
    made.key = signer[0].fingerprint if signer else ""
    made.hash = made.computed_hash()
    if signer:
        made.signature = signer[1].sign(bytes.fromhex(made.hash)).hex()
    insert(made)
    return made


def head_path() -> Path:
    return Path(settings.LEDGER["CHECKPOINT_DIR"]) / "head.json"


def write_head(made: Seal) -> None:
    """The last seal, outside the database: taking the newest events away shows before the next
    checkpoint. Never backwards: a sealer that was overtaken leaves the newer one in place."""
    path = head_path()
    said = {
        "seal": made.number,
        "last_seq": made.last_seq,
        "hash": made.hash,
        "signature": made.signature,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if (head := read_head()) and int(head["seal"]) > made.number:
            return
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(said) + "\n")
        part.replace(path)
    except OSError as error:
        log.error("The head of the chain could not be written to %s: %s", path, error)


def read_head() -> dict[str, str] | None:
    """What was last written, or None where there is no such file or it cannot be read."""
    try:
        found = json.loads(head_path().read_text())
        return {name: str(found[name]) for name in ("seal", "last_seq", "hash", "signature")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def unsealed_count(limit: int = 10_001) -> int:
    return len(unsealed(uuid.UUID(int=0), limit))
