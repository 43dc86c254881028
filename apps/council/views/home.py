from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.access.guards import PersonRequest
from apps.council import queries
from apps.orchestration.queries import last_sweep, silent_since


def overview(request: PersonRequest) -> HttpResponse:
    return render(request, "council/overview.html", queries.overview(request.user))


@login_not_required
@require_safe
def healthz(request: PersonRequest) -> JsonResponse:
    """For the load balancer: this process answers, and reaches its database. `sweep` is for
    whoever watches: worker and beat are alive, silent, or were never started."""
    try:
        last, silent = last_sweep(), silent_since()
    except DatabaseError:
        return JsonResponse({"database": "unreachable"}, status=503)
    state = "silent" if silent else "ok" if last else "never"
    return JsonResponse({"database": "ok", "sweep": state})


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
