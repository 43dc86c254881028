from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import history as queries


@needs("audit.view")
def history(request: PersonRequest, label: str, pk: str) -> HttpResponse:
    found = queries.versions(request.user, label, pk)
    context = {
        "versions": found,
        "label": label,
        "pk": pk,
        "title": str(found[0].row.history_object)
        if found[0].row.history_type == "-"
        else str(found[0].row.instance),
        "kind": queries.model_named(label)._meta.verbose_name,
    }
    return render(request, "audit/history.html", context)
