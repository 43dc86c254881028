"""Event logs: uploaded, mapped where columns have to be told, and read by a worker."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.ids import uuid7
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.readiness.mining.results import CsvMapping, EventLog, Fault, LogRefused
from apps.readiness.models import Log, Mapping, Process
from apps.readiness.services import files, work
from apps.readiness.services.keepers import require_keeper
from apps.readiness.states import WorkStatus

READ = "apps.readiness.tasks.read_log"


def upload_log(*, actor: User, process: Process, upload: files.Upload) -> Log:
    """Keeps a file as a log of the process. A CSV waits for its mapping (`map_log`), everything
    else is queued. Raises Invalid for what is no log, Conflict for a file that is here already."""
    require_keeper(actor, process)
    row = Log(
        id=uuid7(),
        process=process,
        file_name=files.called(upload),
        asked_by_id=actor.pk,
        asked_by_label=str(actor),
        created_at=now(),
    )
    with files.kept(upload, row):
        begin(row)
    return row


def begin(row: Log) -> None:
    from apps.readiness.mining import readers

    try:
        row.kind = readers.kind_of(row.upload, row.file_name)
        if row.kind == "csv":
            shown = readers.preview(row.upload)
            row.status = WorkStatus.DRAFT
            row.mapping = remembered(row.process, shown.header) or asdict(shown.suggestion)
    except LogRefused as refusal:
        raise files.refused(str(refusal)) from None
    row.reading = reading_of(row)
    with transaction.atomic():
        save_once(row)
        record(
            type="readiness.log_uploaded",
            object=row,
            after={"process": row.process.slug, "sha256": row.sha256, "bytes": row.bytes},
        )
        if row.status == WorkStatus.QUEUED:
            work.ring_later(READ, row)


def save_once(row: Log) -> None:
    try:
        with transaction.atomic():
            save_numbered(row)
    except IntegrityError:
        raise already(row) from None


def already(row: Log) -> Conflict:
    same = Log.objects.filter(
        process=row.process, reading=row.reading, status__in=["queued", "working", "ready"]
    ).first()
    name = same.reference if same else "another log"
    return Conflict(f"This very file is here already, read in the same way: {name}.", "log_known")


def reading_of(row: Log) -> str:
    """The digest of what is read and how: the same file in the same way is one log."""
    return digest(
        {"sha256": row.sha256, "mapping": row.mapping, "object_type": row.object_type},
    )


def header_digest(header: Any) -> str:
    return digest({"header": list(header)})


def remembered(process: Process, header: Any) -> dict[str, Any] | None:
    """The mapping that was used the last time a file with these columns came."""
    found = Mapping.objects.filter(process=process, header=header_digest(header)).first()
    return dict(found.mapping) if found else None


def map_log(*, actor: User, log: Log, mapping: CsvMapping) -> Log:
    """Says which column is what, and queues the reading; the mapping is remembered for the next
    file with the same columns. Raises Invalid where a column is not there or is named twice."""
    require_keeper(actor, log.process)
    from apps.readiness.mining import readers

    try:
        shown = readers.preview(log.upload, encoding=mapping.encoding, delimiter=mapping.delimiter)
    except (LogRefused, LookupError, OSError) as refusal:
        raise Invalid("The file cannot be read in this way.", fields=field(str(refusal))) from None
    problems = mapping_problems(mapping, shown.header)
    if problems:
        raise Invalid("The columns do not fit.", fields=problems)
    with transaction.atomic():
        row = Log.objects.select_for_update().get(pk=log.pk)
        row.mapping = asdict(mapping)
        if not requeue(row, mapping=row.mapping, reading=reading_of(row)):
            raise Conflict("This log is being read already, or was cancelled.")
        Mapping.objects.update_or_create(
            process=row.process,
            header=header_digest(shown.header),
            defaults={"mapping": row.mapping, "used_at": now()},
        )
    return row


def field(sentence: str) -> dict[str, list[str]]:
    return {"encoding": [sentence]}


def mapping_problems(mapping: CsvMapping, header: tuple[str, ...]) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    taken: dict[str, str] = {}
    for name in ("case", "activity", "at", "start_at", "resource", "team", "system", "cost"):
        column = getattr(mapping, name)
        if not column and name in ("case", "activity", "at"):
            problems[name] = ["Choose a column."]
        elif column and column not in header:
            problems[name] = [f"The file has no column “{column}”."]
        elif column and column in taken:
            problems[name] = [f"“{column}” is chosen twice."]
        taken[column] = name
    return problems


def choose_objects(*, actor: User, log: Log, object_type: str) -> Log:
    """Says which kind of object an OCEL file's cases are, and queues the reading."""
    require_keeper(actor, log.process)
    if object_type not in log.object_types:
        raise Invalid("Choose one of the kinds.", fields={"object_type": ["Choose one."]})
    with transaction.atomic():
        row = Log.objects.select_for_update().get(pk=log.pk)
        row.object_type = object_type
        if not requeue(row, object_type=object_type, reading=reading_of(row)):
            raise Conflict("This log is being read already, or was cancelled.")
    return row


def requeue(row: Log, **changes: Any) -> bool:
    try:
        with transaction.atomic():
            won = Log.objects.filter(pk=row.pk, status=WorkStatus.DRAFT).update(
                status=WorkStatus.QUEUED, done=0, note="", **changes
            )
    except IntegrityError:
        raise already(row) from None
    if won:
        row.refresh_from_db()
        work.ring_later(READ, row)
    return bool(won)


def cancel_log(*, actor: User, log: Log) -> None:
    require_keeper(actor, log.process)
    if not work.cancel(log):
        raise Conflict("It has ended already.")
    log.upload.unlink(missing_ok=True)


def read(pk: uuid.UUID) -> None:
    """Reads a queued log, if nobody else does; what was read is kept in columns."""
    work.work_on(Log, pk, read_in)


def read_in(row: Log, tell: work.Teller) -> None:
    from apps.readiness.mining import readers

    path = files.present(row)
    tell.stretch(0.0, 0.95, "Reading events")
    if row.kind.startswith("ocel") and not row.object_type:
        types = readers.object_types(path, name=row.file_name)
        if len(types) != 1:
            ask_for_objects(row, types)
            return
        row.object_type = next(iter(types))
    found = readers.read_log(
        path,
        name=row.file_name,
        mapping=mapping_of(row.mapping) if row.mapping else None,
        object_type=row.object_type,
        progress=tell,
    )
    tell.stretch(0.95, 1.0, "Keeping what was read")
    keep_columns(row, found)
    ended = work.finish(
        row,
        act="readiness.log_read",
        after={"sha256": row.sha256, "events": found.events, "cases": found.cases},
        object_type=row.object_type,
        events=found.events,
        cases=found.cases,
        activities=len(found.activities),
        first_at=found.first_at,
        last_at=found.last_at,
        attributes={"case": list(found.case_attributes), "event": list(found.event_attributes)},
        faults=[asdict(fault) for fault in found.faults],
        fault_counts=dict(found.fault_counts),
    )
    if not ended:
        row.columns.unlink(missing_ok=True)


def ask_for_objects(row: Log, types: dict[str, int]) -> None:
    if not types:
        raise LogRefused("The file names no objects, so there are no cases.")
    work.mine(row).update(status=WorkStatus.DRAFT, object_types=types, note="", done=0)


def mapping_of(kept: dict[str, Any]) -> CsvMapping:
    values = dict(kept)
    if values.get("attributes") is not None:
        values["attributes"] = tuple(values["attributes"])
    return CsvMapping(**values)


def keep_columns(row: Log, found: EventLog) -> None:
    """In a new file that takes the place of an older one whole, so that nobody reads half."""
    fresh = row.columns.with_suffix(f".{row.fence}.new")
    found.frame.write_parquet(fresh, compression="zstd")
    fresh.replace(row.columns)


def opened(row: Log) -> EventLog:
    """What was read of the file. Raises LogRefused where the columns are gone."""
    import polars as pl

    if not row.columns.exists():
        raise LogRefused(f"What was read of {row.reference} is no longer here. Upload it again.")
    return EventLog(
        frame=pl.read_parquet(row.columns),
        case_attributes=tuple(row.attributes["case"]),
        event_attributes=tuple(row.attributes["event"]),
        faults=tuple(Fault(**fault) for fault in row.faults),
        fault_counts=row.fault_counts,
    )
