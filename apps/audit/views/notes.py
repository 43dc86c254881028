from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.audit.queries import notes as queries
from apps.audit.services import notes as services
from apps.common.middleware import told


@needs("audit.view")
def notes(request: PersonRequest) -> HttpResponse:
    return render(request, "audit/notes.html", {"notes": queries.own(request.user)})


@needs("audit.view")
@require_POST
def write(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    services.write_note(actor=request.user, event_id=pk, text=request.POST.get("text", ""))
    return told(request, "Noted, for your eyes only.", reverse("audit:event", args=[pk]))
