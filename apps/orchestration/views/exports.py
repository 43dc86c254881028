"""Runs as a file for process mining, streamed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import cast

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.common.clock import now
from apps.common.figures import safe_cell
from apps.common.tabular import csv_lines
from apps.orchestration import queries, services
from apps.orchestration.views.runs import FILTERS


@needs("runs.view")
@require_POST
def export(request: PersonRequest) -> HttpResponse:
    """A CSV of the runs that the list shows, to the moment of the click. On record."""
    until = now()
    found = services.export_runs(
        actor=request.user,
        filters={name: request.POST.get(name, "") for name in FILTERS},
        until=until,
    )
    answer = StreamingHttpResponse(as_csv(found), content_type="text/csv; charset=utf-8")
    name = f"runs-{until:%Y%m%dT%H%M%SZ}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast(HttpResponse, answer)


def as_csv(found: Iterable[queries.Event]) -> Iterator[str]:
    return csv_lines(
        queries.COLUMNS,
        ([cell(getattr(event, name)) for name in queries.COLUMNS] for event in found),
    )


def cell(value: str | dt.datetime | None) -> object:
    """Moments all alike, so that whoever reads the file finds their form out."""
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds")
    return safe_cell(value or "")
