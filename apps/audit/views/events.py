from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib import parse

from django.http import HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest, needs
from apps.audit import rules
from apps.audit.queries import events as queries
from apps.common.paging import page
from apps.ledger.catalogue import ACTS, sentence

SHOWN_CONTROLS = frozenset({"type", "actor_kind", "from", "to"})


@needs("audit.view")
def events(request: PersonRequest) -> HttpResponse:
    filters = rules.read(request.GET)
    found = page(request, queries.events(request.user, filters))
    for row in found.rows:
        row.sentence = sentence(row.type)
    context = {
        "page": found,
        "filters": filters,
        "acts": sorted(ACTS.items()),
        "kinds": ("person", "agent", "system"),
        "kept": [item for item in filters.active.items() if item[0] not in SHOWN_CONTROLS],
        "chips": chips(filters.active),
    }
    return render(request, "audit/events.html", context)


def chips(active: dict[str, str]) -> list[tuple[str, str]]:
    """One chip per filter, with the address of the page without it."""
    return [
        (f"{name}: {value}", "?" + urlencode({**active, name: None}))
        for name, value in active.items()
    ]


def urlencode(filters: Mapping[str, str | None]) -> str:
    return parse.urlencode({name: value for name, value in filters.items() if value is not None})


@needs("audit.view")
def event(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.event(request.user, pk)
    context = {
        "event": found,
        "sentence": sentence(found.type),
        "intact": found.computed_digest() == found.digest,
    }
    return render(request, "audit/event.html", context)
