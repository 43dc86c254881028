from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Refused
from apps.common.paging import page
from apps.pilots.invoices import queries, services
from apps.pilots.invoices.models import DocumentStatus

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
    context = {
        "document": found,
        "run": queries.run_of(found),
        "posting": getattr(found, "posting", None),
        "payment": getattr(found, "payment", None),
    }
    return render(request, "invoices/document.html", context)


@needs("pilots.operate")
def upload(request: PersonRequest) -> HttpResponse:
    """Takes several files; each gets its own answer, and one bad file spoils nothing."""
    if request.method != "POST":
        return render(request, "invoices/upload.html")
    for file in request.FILES.getlist("files")[:MOST_FILES]:
        try:
            received = services.receive(
                actor=request.user,
                content=file.read(),
                filename=file.name or "upload.xml",
                source="upload",
            )
        except Refused as error:
            messages.error(request, error.sentence)
            continue
        words = "taken in" if received.new else "came in before"
        messages.success(request, f"{file.name}: {words}, run {received.run.reference}.")
    return redirect("invoices:documents")


@needs("pilots.view")
def suppliers(request: PersonRequest) -> HttpResponse:
    context = {
        "suppliers": queries.suppliers(request.user),
        "may_audit": holds(request.user, "audit.view"),
    }
    return render(request, "invoices/suppliers.html", context)
