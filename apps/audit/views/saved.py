from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.audit.rules.grammar import parse
from apps.audit.services import trail as services
from apps.audit.views.events import address
from apps.common.middleware import told


@needs("audit.view")
@require_POST
def save(request: PersonRequest) -> HttpResponse:
    view = services.save_view(
        actor=request.user,
        name=request.POST.get("name", ""),
        query=request.POST.get("q", ""),
        columns=[name for name in request.POST.getlist("columns") if name],
        shared="shared" in request.POST,
    )
    to = address(parse(view.query), columns=view.columns)
    return told(request, f"The view “{view.name}” is saved.", to)


@needs("audit.view")
@require_POST
def remove(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    services.remove_view(actor=request.user, pk=pk)
    return told(request, "The view is removed.", "audit:events")
