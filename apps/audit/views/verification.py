"""Whether the record can be trusted: the light, the verifications, and how long things are kept."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.audit import keeping
from apps.audit.forms import HoldForm
from apps.common.errors import Absent
from apps.common.middleware import told
from apps.ledger import standing
from apps.ledger.models import Verification

SHOWN = 20


@needs("audit.view")
def verification(request: PersonRequest) -> HttpResponse:
    context = {
        "light": standing.integrity(),
        "state": standing.state(),
        "going": standing.going(),
        "verifications": Verification.objects.order_by("-created_at", "-id")[:SHOWN],
        "checkpoints": standing.newest_checkpoints(),
        "keeping": standing.keeping(),
        "form": HoldForm(),
        "may_keep": holds(request.user, "records.keep"),
    }
    return render(request, "audit/verification.html", context)


@needs("audit.view")
def result(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    row = Verification.objects.filter(pk=pk).first()
    if row is None:
        raise Absent
    running = row.status in ("queued", "running")
    return render(request, "audit/verified.html", {"row": row, "running": running})


@needs("audit.view")
@require_POST
def ask(request: PersonRequest) -> HttpResponse:
    row = keeping.ask_for_verification(actor=request.user)
    return redirect("audit:verified", row.pk)


@needs("records.keep")
@require_POST
def hold(request: PersonRequest) -> HttpResponse:
    form = HoldForm(request.POST)
    if not form.is_valid():
        context = {"form": form}
        return render(request, "audit/hold.html", context, status=422)
    keeping.open_hold(actor=request.user, **form.cleaned_data)
    return told(request, "The hold is open: nothing is purged.", "audit:verification")


@needs("records.keep")
@require_POST
def lift(request: PersonRequest, pk: int) -> HttpResponse:
    keeping.lift_hold(actor=request.user, pk=pk, reason=request.POST.get("reason", ""))
    return told(request, "The hold is lifted.", "audit:verification")
