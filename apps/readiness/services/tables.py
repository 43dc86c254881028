"""Tables of a data source: uploaded and held against the source's rules by a worker."""

from __future__ import annotations

import uuid

from django.db import transaction

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.ids import uuid7
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.readiness.mining.results import LogRefused, as_json
from apps.readiness.models import Source, Table
from apps.readiness.services import files, work
from apps.readiness.services.keepers import require_keeper

CHECK = "apps.readiness.tasks.check_table"


def upload_table(*, actor: User, source: Source, upload: files.Upload) -> Table:
    """Keeps a CSV of the source and queues its check against the rules of this moment."""
    require_keeper(actor, source.process)
    if not source.rules:
        raise Invalid("State at least one rule for this source first: there is nothing to check.")
    row = Table(
        id=uuid7(),
        source=source,
        file_name=files.called(upload),
        rules=source.rules,
        asked_by_id=actor.pk,
        asked_by_label=str(actor),
        created_at=now(),
    )
    with files.kept(upload, row), transaction.atomic():
        save_numbered(row)
        record(
            type="readiness.table_uploaded",
            object=row,
            after={"source": source.name, "sha256": row.sha256, "bytes": row.bytes},
        )
        work.ring_later(CHECK, row)
    return row


def cancel_table(*, actor: User, table: Table) -> None:
    require_keeper(actor, table.source.process)
    if not work.cancel(table):
        raise Conflict("It has ended already.")


def check(pk: uuid.UUID) -> None:
    work.work_on(Table, pk, check_in)


def check_in(row: Table, tell: work.Teller) -> None:
    from apps.readiness.mining import quality
    from apps.readiness.mining.readers import csv_file

    path = files.present(row)
    tell.stretch(0.0, 0.5, "Reading rows")
    frame = csv_file.table(path)
    tell.stretch(0.5, 1.0, "Checking rules")
    try:
        found = quality.table_quality(frame, row.rules, now=now())
    except quality.RuleRefused as refusal:
        raise LogRefused(str(refusal)) from None
    work.finish(
        row,
        act="readiness.table_checked",
        after={"sha256": row.sha256, "rows": found.rows, "score": found.score},
        rows=found.rows,
        quality=as_json(found),
    )
