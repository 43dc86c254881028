from __future__ import annotations

import datetime as dt

from django.http import HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import asof as queries
from apps.audit.queries.objects import subject
from apps.audit.rules.grammar import moment as read_moment
from apps.audit.views.objects import tabs
from apps.common.clock import now


def asked_moment(request: PersonRequest) -> tuple[dt.datetime, str]:
    """The moment of `?at=` (UTC; a day means its end) and a sentence where it was no moment."""
    text, present = request.GET.get("at", "").strip(), now()
    if not text:
        return present, ""
    try:
        found = read_moment(text, end=True)
        if len(text) <= len("2026-11-24"):
            found -= dt.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return present, f"“{text}” is not a moment; this is how it stands now."
    if found > present:
        return present, "That moment is yet to come; this is how it stands now."
    return found, ""


def text_of(moment: dt.datetime) -> str:
    """A moment for an address and for a field of the form, to the millisecond above."""
    return f"{moment + dt.timedelta(microseconds=999):%Y-%m-%dT%H:%M:%S.%f}"[:-3]


@needs("audit.view")
def state(request: PersonRequest, label: str, pk: str) -> HttpResponse:
    found = subject(request.user, label, pk)
    moment, problem = asked_moment(request)
    context = {
        "subject": found,
        "tabs": tabs(found, "as-of"),
        "moment": moment,
        "at_text": text_of(moment),
        "problem": problem,
        "state": queries.state(request.user, label, pk, moment),
        "url": request.build_absolute_uri(f"{request.path}?at={moment:%Y-%m-%dT%H:%M:%S.%fZ}"),
        "past": "at" in request.GET,
    }
    return render(request, "audit/as_of.html", context)


@needs("audit.view")
def moment(request: PersonRequest) -> HttpResponse:
    name = request.GET.get("what", "agents")
    kind = queries.KINDS.get(name, queries.KINDS["agents"])
    at, problem = asked_moment(request)
    context = {
        "kinds": queries.KINDS,
        "kind": kind,
        "what": name if name in queries.KINDS else "agents",
        "moment": at,
        "at_text": text_of(at),
        "problem": problem,
        "lines": queries.listing(request.user, kind, at),
        "url": request.build_absolute_uri(
            f"{request.path}?what={name}&at={at:%Y-%m-%dT%H:%M:%S.%fZ}"
        ),
        "past": "at" in request.GET,
    }
    return render(request, "audit/moment.html", context)
