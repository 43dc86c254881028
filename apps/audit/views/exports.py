"""Exports of exactly what is filtered, streamed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import cast

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import events as queries
from apps.audit.rules import grammar
from apps.audit.services import trail as services
from apps.common.canonical import plain
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.common.figures import safe_cell
from apps.common.tabular import csv_lines
from apps.ledger.models import LedgerEvent

FIELDS = tuple(field.attname for field in LedgerEvent._meta.concrete_fields)
FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@needs("audit.view")
@require_POST
def export(request: PersonRequest) -> HttpResponse:
    """CSV or JSON lines of the whole result, to the moment of the click. On record."""
    form = request.POST.get("form", "")
    if form not in FORMS:
        raise Invalid("Export as csv or as jsonl.")
    trail, until = grammar.parse(request.POST.get("q", "")), now()
    services.note_export(actor=request.user, query=str(trail), form=form, until=until)
    found = queries.everything(request.user, trail, until=until)
    lines = as_csv(found) if form == "csv" else as_jsonl(found)
    answer = StreamingHttpResponse(lines, content_type=FORMS[form])
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name(until, form)}"'
    return cast(HttpResponse, answer)


def file_name(until: dt.datetime, form: str) -> str:
    return f"audit-{until:%Y%m%dT%H%M%SZ}.{form}"


def as_jsonl(found: Iterable[LedgerEvent]) -> Iterator[str]:
    for event in found:
        row = {name: plain(getattr(event, name)) for name in FIELDS}
        yield json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n"


def as_csv(found: Iterable[LedgerEvent]) -> Iterator[str]:
    return csv_lines(
        FIELDS, ([cell(plain(getattr(event, name))) for name in FIELDS] for event in found)
    )


def cell(value: object) -> object:
    if value is None:
        return ""
    return safe_cell(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
