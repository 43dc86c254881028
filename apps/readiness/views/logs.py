"""Event logs and tables: upload, mapping, progress, and what was wrong with which line."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.common.errors import Invalid, Refused
from apps.common.middleware import told
from apps.readiness.mining.results import CsvMapping, LogRefused
from apps.readiness.models import Log, Source
from apps.readiness.queries import processes as queries
from apps.readiness.services import logs, tables
from apps.readiness.services.keepers import may_keep
from apps.readiness.states import WorkStatus
from apps.readiness.views.inventory import keeper

ROLES = (
    ("case", "Case", "What belongs together: an order, an application …"),
    ("activity", "Activity", "What was done"),
    ("at", "Moment", "When it was done, or ended"),
    ("start_at", "Begin", "When it began, if the file says"),
    ("resource", "Person", "Who did it"),
    ("team", "Team", ""),
    ("system", "System", "Where it was done"),
    ("cost", "Cost", ""),
)


@needs("readiness.view")
def upload(request: PersonRequest, slug: str) -> HttpResponse:
    found = keeper(request, slug)
    problems: list[str] = []
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise Invalid("No file.", fields={"file": ["Choose a file."]})
            row = logs.upload_log(actor=request.user, process=found, upload=file)
        except Refused as error:
            fields = error.fields if isinstance(error, Invalid) else {}
            problems = [s for some in fields.values() for s in some] or [error.sentence]
        else:
            return redirect("readiness:log", row.number)
    context = {"process": found, "problems": problems}
    return render(request, "readiness/upload.html", context, status=422 if problems else 200)


@needs("readiness.view")
def log(request: PersonRequest, number: int) -> HttpResponse:
    """A log: its mapping while that is open, its progress while it is read, then what was read."""
    found = queries.log_numbered(request.user, number)
    keeps = may_keep(request.user, found.process)
    problems: dict[str, list[str]] = {}
    if request.method == "POST":
        if not keeps:
            return redirect("readiness:log", number)
        try:
            answered(request, found)
        except Refused as error:
            fields = error.fields if isinstance(error, Invalid) else {}
            problems = fields or {"": [error.sentence]}
        else:
            return redirect("readiness:log", number)
    context = {
        "log": found,
        "keeps": keeps,
        "problems": [(name, s) for name, some in problems.items() for s in some],
        "draft": found.status == WorkStatus.DRAFT,
        **(mapping_context(request, found) if found.status == WorkStatus.DRAFT and keeps else {}),
    }
    return render(request, "readiness/log.html", context, status=422 if problems else 200)


def answered(request: PersonRequest, found: Log) -> None:
    if found.object_types:
        chosen = request.POST.get("object_type", "")
        logs.choose_objects(actor=request.user, log=found, object_type=chosen)
        return
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name, _, _ in ROLES}
    for name in ("zone", "moment_format", "encoding", "delimiter"):
        typed[name] = request.POST.get(name, "").strip()
    typed["zone"] = typed["zone"] or "UTC"
    if typed["delimiter"] == "tab":
        typed["delimiter"] = "\t"
    logs.map_log(actor=request.user, log=found, mapping=CsvMapping(**typed))


def mapping_context(request: PersonRequest, found: Log) -> dict[str, Any]:
    """The head of the file, and which column is what: as typed, as last time, or as it seems."""
    if found.object_types:
        return {"object_types": sorted(found.object_types.items(), key=lambda pair: -pair[1])}
    from apps.readiness.mining import readers

    given = request.POST if request.method == "POST" else found.mapping
    tab = str(given.get("delimiter") or "")
    try:
        shown = readers.preview(
            found.upload, encoding=str(given.get("encoding") or ""),
            delimiter="\t" if tab == "tab" else tab,
        )  # fmt: skip
    except (LogRefused, LookupError, OSError):
        shown = readers.preview(found.upload)
    return {
        "preview": shown,
        "roles": [(name, word, help_, given.get(name) or "") for name, word, help_ in ROLES],
        "given": given,
    }


@needs("readiness.view")
@require_POST
def cancel_log(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.log_numbered(request.user, number)
    logs.cancel_log(actor=request.user, log=found)
    url = reverse("readiness:process", args=[found.process.slug])
    return told(request, f"{found.reference} is cancelled.", url)


@needs("readiness.view")
@require_POST
def upload_table(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    found = keeper(request, slug)
    source = get_object_or_404(Source, pk=pk, process=found)
    file = request.FILES.get("file")
    url = reverse("readiness:describe", args=[slug])
    if file is None:
        return told(request, "Choose a file first.", url)
    row = tables.upload_table(actor=request.user, source=source, upload=file)
    return redirect("readiness:table", row.number)


@needs("readiness.view")
def table(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.table_numbered(request.user, number)
    context = {
        "table": found,
        "process": found.source.process,
        "keeps": may_keep(request.user, found.source.process),
    }
    return render(request, "readiness/table.html", context)


@needs("readiness.view")
@require_POST
def cancel_table(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.table_numbered(request.user, number)
    tables.cancel_table(actor=request.user, table=found)
    return redirect("readiness:table", number)
