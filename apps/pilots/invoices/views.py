from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Invalid, Refused
from apps.common.paging import page
from apps.pilots.invoices import comparison, queries, services
from apps.pilots.invoices.models import DocumentStatus
from apps.pilots.invoices.ubl import LARGEST

MOST_FILES = 50


@needs("pilots.view")
def documents(request: PersonRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in ("status", "search")}
    found = queries.documents(request.user, **filters)
    context = {
        "page": page(request, found, field="received_at"),
        "filters": filters,
        "statuses": DocumentStatus.choices,
        "may_upload": holds(request.user, "pilots.operate"),
    }
    return render(request, "invoices/documents.html", context)


@needs("pilots.view")
def document(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.document(request.user, pk)
    run = queries.run_of(found)
    lines, count = comparison.lines(found)
    context = {
        "document": found,
        "run": run,
        "question": queries.question_of(request.user, run),
        "problem": found.note if found.status in ("invalid", "held", "refused") else "",
        "advice": comparison.advice(run.outcome if run else ""),
        "compared": comparison.compared(found),
        "lines": lines,
        "line_count": count,
        "posting": getattr(found, "posting", None),
        "payment": getattr(found, "payment", None),
        "may_audit": holds(request.user, "audit.view"),
    }
    return render(request, "invoices/document.html", context)


@needs("pilots.operate")
def upload(request: PersonRequest) -> HttpResponse:
    """Takes several files; each gets its own answer, and one bad file spoils nothing."""
    if request.method != "POST":
        return render(request, "invoices/upload.html", {"most": MOST_FILES})
    files = request.FILES.getlist("files")
    problems = [problem for file in files[:MOST_FILES] if (problem := take(request, file))]
    if not files:
        problems = ["Choose at least one file."]
    if len(files) > MOST_FILES:
        names = ", ".join(str(file.name) for file in files[MOST_FILES:][:5])
        problems.append(f"Only {MOST_FILES} files are taken at once; from {names} on, send again.")
    if problems:
        context = {"most": MOST_FILES, "problems": problems, "sent": len(files)}
        return render(request, "invoices/upload.html", context, status=422)
    return redirect("invoices:documents")


def take(request: PersonRequest, file: UploadedFile) -> str:
    """Takes one file in; what is wrong with it in a sentence, or ""."""
    name = file.name or "upload.xml"
    try:
        if (file.size or 0) > LARGEST:
            raise Invalid(f"{name} is larger than 5 MB.", "too_large")
        received = services.receive(
            actor=request.user, content=file.read(), filename=name, source="upload"
        )
    except Refused as error:
        return error.sentence
    words = "taken in" if received.new else "came in before, nothing new was started"
    messages.success(request, f"{name}: {words}, run {received.run.reference}.")
    return ""


@needs("pilots.view")
def suppliers(request: PersonRequest) -> HttpResponse:
    context = {
        "suppliers": queries.suppliers(request.user),
        "may_audit": holds(request.user, "audit.view"),
    }
    return render(request, "invoices/suppliers.html", context)
