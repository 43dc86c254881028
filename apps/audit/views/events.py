from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import events as queries
from apps.audit.queries import notes
from apps.audit.queries import views as saved
from apps.audit.queries.coverage import coverage
from apps.audit.queries.objects import pivots
from apps.audit.rules import grammar
from apps.audit.rules.grammar import Term, Trail
from apps.audit.services import trail as services
from apps.audit.services.notes import is_auditor
from apps.common.clock import now
from apps.ledger.catalogue import ACTS, sentence
from apps.ledger.reads import note_read
from apps.ledger.standing import integrity

COLUMNS = {
    "actor": "Actor",
    "object": "Object",
    "outcome": "Outcome",
    "reason": "Reason",
    "policies": "Policies",
    "run": "Run",
    "digest": "Digest",
}
SHOWN = ("actor", "object", "outcome", "reason", "digest")
OUTCOMES = (
    "done",
    "allowed",
    "waiting",
    "approved",
    "denied",
    "rejected",
    "returned",
    "failed",
    "in_doubt",
    "expired",
    "cancelled",
    "superseded",
)


@dataclass(frozen=True)
class Chip:
    words: str
    url: str


def address(trail: Trail, **more: Any) -> str:
    """The trail's own address, with nothing in it that is not needed."""
    pairs = {"q": str(trail), **more}
    return f"{reverse('audit:events')}?{urlencode({k: v for k, v in pairs.items() if v}, True)}"


@needs("audit.view")
def events(request: PersonRequest) -> HttpResponse:
    trail = grammar.from_query(request.GET)
    columns = columns_of(request)
    extra = {"columns": columns} if columns != list(SHOWN) else {}
    if "was" in request.GET and not trail.problems:
        return redirect(address(trail, **extra))
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    question = queries.sought(request.user, trail)
    page = queries.look(request.user, trail, after=after, before=before, question=question)
    if trail.terms and not (after or before):
        services.note_search(query=str(trail))
    page.rows = queries.with_sentences(page.rows)
    context = {
        "page": page,
        "light": integrity(),
        "trail": trail,
        "text": str(trail),
        "typed": request.GET.get("q", "") if trail.problems else str(trail),
        "problems": (*trail.problems, *page.problems),
        "controls": grammar.controls(trail),
        "was": str(trail),
        "chips": [Chip(str(term), address(trail.without(term), **extra)) for term in trail.terms],
        "facets": facets_of(request, trail, question, extra),
        "families": sorted({f"{code.partition('.')[0]}.*" for code in ACTS}),
        "acts": sorted(ACTS.items()),
        "kinds": grammar.KINDS,
        "outcomes": OUTCOMES,
        "keys": grammar.KEYS,
        "columns": columns,
        "all_columns": COLUMNS,
        "older_url": address(trail, after=page.older, **extra) if page.older else "",
        "newer_url": address(trail, before=page.newer, **extra) if page.newer else "",
        "newest_url": address(trail, **extra) if after or before else "",
        "lasting_url": lasting(request, trail, extra),
        "saved": saved.visible(request.user),
        "coverage": None if page.rows else coverage(),
    }
    return render(request, "audit/events.html", context)


def columns_of(request: HttpRequest) -> list[str]:
    asked = [name for name in request.GET.getlist("columns") if name in COLUMNS]
    return list(dict.fromkeys(asked)) or list(SHOWN)


def lasting(request: HttpRequest, trail: Trail, extra: dict[str, Any]) -> str:
    """The same search with an upper bound, so that the link shows the same rows next year."""
    _, high = queries.bounds(trail)
    if high is None:
        trail = trail.having(Term("at", f"..{now():%Y-%m-%dT%H:%M:%S.%fZ}"))
    return request.build_absolute_uri(address(trail, **extra))


def facets_of(
    request: PersonRequest, trail: Trail, question: queries.Sought, extra: dict[str, Any]
) -> dict[str, Any]:
    found = queries.facets(request.user, trail, question)
    groups = [
        {
            "key": facet.key,
            "values": [
                (
                    words,
                    number,
                    facet_url(trail, facet.key, value, extra),
                    chosen(trail, facet.key, value),
                )
                for value, words, number in facet.values
            ],
        }
        for facet in found.facets
        if facet.values
    ]
    return {"groups": groups, "of": found.of, "whole": found.whole}


def chosen(trail: Trail, key: str, value: str) -> bool:
    return Term(key, value) in trail.terms


def facet_url(trail: Trail, key: str, value: str, extra: dict[str, Any]) -> str:
    """Clicking scopes to the value; clicking the one that is chosen takes it away."""
    if chosen(trail, key, value):
        return address(trail.without(Term(key, value)), **extra)
    return address(trail.without(*trail.of(key)).having(Term(key, value)), **extra)


@needs("audit.view")
def event(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.event(request.user, pk)
    if found.data_used:
        note_read(object=found, what="an event with the data that was used")
    around = pivots(found)
    context = {
        "event": found,
        "sentence": sentence(found.type),
        "why_url": reverse("audit:why", args=[around.action_id]) if around.action_id else "",
        "request_id": around.request_id,
        "session_id": around.session_id,
        "notes": notes.own(request.user, found.pk),
        "may_note": is_auditor(request.user),
        "intact": found.computed_digest() == found.digest,
        "url": request.build_absolute_uri(request.path),
    }
    return render(request, "audit/event.html", context)
