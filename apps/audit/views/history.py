from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import history as queries
from apps.audit.queries.objects import subject
from apps.audit.views.objects import tabs


@needs("audit.view")
def history(request: PersonRequest, label: str, pk: str) -> HttpResponse:
    versions = queries.versions(request.user, label, pk)
    found = subject(request.user, label, pk)
    context = {
        "versions": versions,
        "subject": found,
        "tabs": tabs(found, "history"),
        "url": request.build_absolute_uri(request.path),
    }
    return render(request, "audit/history.html", context)
