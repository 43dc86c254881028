"""How the queues are doing."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest
from apps.access.queries import holds
from apps.approvals import queries
from apps.common.csp import drawing_charts
from apps.common.figures import stacked_bars


def insight(request: PersonRequest) -> HttpResponse:
    """How the queues are doing, for those who read every request or decide in queues."""
    if not (holds(request.user, "approvals.view") or queries.queue_ids(request.user)):
        raise Http404
    days = request.GET.get("days", "")
    found = queries.insight(
        request.user, days=min(int(days), 365) if days.isdecimal() and int(days) else 30
    )
    figure = stacked_bars(found.by_day, across="Day (UTC)", up="Decided")
    context = {"insight": found, "figure": figure}
    return drawing_charts(render(request, "approvals/insight.html", context))
