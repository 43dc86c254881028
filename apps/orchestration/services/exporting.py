"""Runs given away as a file: by whom and which, on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from apps.access.models import User
from apps.access.services import permitted
from apps.ledger.services import record
from apps.orchestration import queries


@permitted("runs.view")
def export_runs(
    *, actor: User, filters: Mapping[str, str], until: dt.datetime
) -> Iterator[queries.Event]:
    """What the runs that the list shows under these filters consist of, to this moment, as an
    event log that *Readiness* reads; fetched as it is asked for."""
    used = {name: text for name, text in filters.items() if text}
    words = ", ".join(f"{name}: {text}" for name, text in sorted(used.items()))
    record(
        type="runs.exported",
        object_label=words[:200] or "All runs",
        after={"filters": used, "until": until},
    )
    return queries.events(queries.runs(actor, **used), until=until)
