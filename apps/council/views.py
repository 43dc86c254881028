from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest
from apps.council import queries


def overview(request: PersonRequest) -> HttpResponse:
    return render(request, "council/overview.html", queries.overview(request.user))


@login_not_required
def absent(request: PersonRequest, exception: Exception | None = None) -> HttpResponse:
    """Absent and forbidden look the same."""
    return render(request, "errors/404.html", status=404)


@login_not_required
def bad_request(request: PersonRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "errors/400.html", status=400)


@login_not_required
def failed(request: PersonRequest) -> HttpResponse:
    return render(request, "errors/500.html", status=500)
