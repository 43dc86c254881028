"""Runs of agents elsewhere, brought in to be reviewed: kept as they are, told to the ledger, and
grouped by the same sweep as everything else."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.ids import uuid7
from apps.incidents.imports import RunRecord, Unreadable, read_runs
from apps.incidents.models import ImportedRun
from apps.ledger.services import record


@permitted("incidents.command")
def import_runs(*, actor: User, data: bytes, source: str) -> uuid.UUID:
    """The batch's key. Raises Invalid with what is wrong, by line; a run that is here already is
    left out, and a file with nothing new is a Conflict."""
    if not source.strip():
        raise Invalid("Say where the runs come from.", fields={"source": ["Say where from."]})
    try:
        runs = read_runs(data)
    except Unreadable as problem:
        raise Invalid("The file was not taken.", fields={"file": problem.sentences}) from None
    return keep(actor, runs, source.strip()[:120])


@transaction.atomic
def keep(actor: User, runs: Sequence[RunRecord], source: str) -> uuid.UUID:
    batch, moment = uuid7(), now()
    rows = {}
    for run in runs:
        row = row_of(run, source)
        row.batch, row.imported_at, row.imported_by_label = batch, moment, str(actor)
        rows[row.digest] = row
    known = set(ImportedRun.objects.filter(digest__in=list(rows)).values_list("digest", flat=True))
    fresh = [row for key, row in rows.items() if key not in known]
    if not fresh:
        raise Conflict("Every run of this file is here already.", "imported_already")
    ImportedRun.objects.bulk_create(fresh, batch_size=200)
    for row in fresh:
        record(type="incident.run_imported", object=row, after={"digest": row.digest})
    record(
        type="incident.runs_imported", object=fresh[0],
        after={"batch": batch, "runs": len(fresh), "left_out": len(runs) - len(fresh),
               "source": source},
    )  # fmt: skip
    return batch


def row_of(run: RunRecord, source: str) -> ImportedRun:
    steps = list(run.steps)
    return ImportedRun(
        source=source,
        name=run.name,
        agent_words=run.agent,
        request=run.request,
        steps=steps,
        harmful=run.harmful,
        note=run.note,
        digest=digest({"source": source, "name": run.name, "steps": steps}),
    )
