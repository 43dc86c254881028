from __future__ import annotations

from collections import Counter

from django.http import HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest, needs
from apps.audit.frameworks.catalogue import FRAMEWORKS
from apps.audit.queries import frameworks as queries
from apps.ledger.catalogue import ACTS


@needs("audit.view")
def frameworks(request: PersonRequest) -> HttpResponse:
    found = [
        (each, Counter(row.coverage.value for row in each.rows)) for each in FRAMEWORKS.values()
    ]
    return render(request, "audit/frameworks.html", {"frameworks": found})


@needs("audit.view")
def framework(request: PersonRequest, slug: str) -> HttpResponse:
    found, proofs = queries.framework(request.user, slug)
    context = {"framework": found, "proofs": proofs}
    return render(request, "audit/framework.html", context)


@needs("audit.view")
def dictionary(request: PersonRequest) -> HttpResponse:
    """Every act that the ledger knows, and what it means."""
    return render(request, "audit/dictionary.html", {"acts": sorted(ACTS.items())})
