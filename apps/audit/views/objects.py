from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import events
from apps.audit.queries import objects as queries
from apps.audit.queries.objects import Subject
from apps.audit.views.events import SHOWN, address


def tabs(subject: Subject, current: str) -> list[tuple[str, str, bool]]:
    """(words, address, current) of the tabs that an object has."""
    names = [("object", "Trail")]
    if subject.has_versions:
        names += [("history", "History"), ("as-of", "As it was")]
    return [
        (words, reverse(f"audit:{name}", args=[subject.label, subject.pk]), name == current)
        for name, words in names
    ]


@needs("audit.view")
def trail(request: PersonRequest, label: str, pk: str) -> HttpResponse:
    subject = queries.subject(request.user, label, pk)
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    page = events.look(request.user, subject.trail, after=after, before=before)
    page.rows = events.with_sentences(page.rows)
    context: dict[str, Any] = {
        "subject": subject,
        "tabs": tabs(subject, "object"),
        "page": page,
        "columns": SHOWN,
        "search_url": address(subject.trail),
        "older_url": f"?after={page.older}" if page.older else "",
        "newer_url": f"?before={page.newer}" if page.newer else "",
        "newest_url": request.path if after or before else "",
        "url": request.build_absolute_uri(request.path),
    }
    return render(request, "audit/object.html", context)
