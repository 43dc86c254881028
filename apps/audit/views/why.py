from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import again as rejudged
from apps.audit.queries import why as queries
from apps.audit.views.asof import text_of
from apps.common.errors import Absent
from apps.ledger.reads import note_read


@needs("audit.view")
def why(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.why(request.user, pk)
    note_read(object=found.action, what="why it happened")
    context = {"why": found, "url": request.build_absolute_uri(request.path)}
    return render(request, "audit/why.html", context)


@needs("audit.view")
def again(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = rejudged.again(request.user, pk)
    at_text = text_of(found.recorded.at) if found else ""
    return render(request, "audit/again.html", {"again": found, "pk": pk, "at_text": at_text})


@needs("audit.view")
def for_key(request: PersonRequest, name: str) -> HttpResponse:
    """From a record of a pilot, which knows the key of the effect that made it."""
    action = queries.for_key(name)
    if action is None:
        raise Absent("No action is on record for this.")
    return redirect("audit:why", action.pk)
