"""How the queues are doing."""

from __future__ import annotations

import csv
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest
from apps.access.queries import holds
from apps.approvals import queries
from apps.common.csp import drawing_charts
from apps.common.figures import bars_svg, safe_cell, stacked_bars
from apps.common.vocabulary import word_for


def insight(request: PersonRequest) -> HttpResponse:
    """How the queues are doing, for those who read every request or decide in queues."""
    filters = filters_of(request)
    if request.GET.get("form") == "csv":
        return as_csv(request, filters)
    found = queries.insight(request.user, filters)
    words = {word_for("approval", status)[1]: days for status, days in found.by_day.items()}
    context: dict[str, Any] = {
        "insight": found,
        "figure": stacked_bars(words, across="Day (UTC)", up="Decided"),
        "svg": bars_svg(words),
        "queues": queries.queues(request.user),
    }
    return drawing_charts(render(request, "approvals/insight.html", context))


def filters_of(request: PersonRequest) -> queries.InsightFilters:
    """What the address asks for; whatever is no number of days is thirty."""
    if not (holds(request.user, "approvals.view") or queries.queue_ids(request.user)):
        raise Http404
    days = request.GET.get("days", "")
    number = int(days) if days.isdecimal() and len(days) < 5 and int(days) else 30
    return queries.InsightFilters(
        days=min(number, queries.LONGEST_DAYS),
        queue=asked(request, "queue")[:50],
        tool=asked(request, "tool")[:120],
    )


def asked(request: PersonRequest, name: str) -> str:
    """PostgreSQL takes no NUL in a text; nothing of ours is called so."""
    return request.GET.get(name, "").replace("\x00", "")


def as_csv(request: PersonRequest, filters: queries.InsightFilters) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="insight.csv"'
    writer = csv.writer(response)
    for line in queries.insight_lines(request.user, filters):
        writer.writerow([safe_cell(value) for value in line])
    return response
