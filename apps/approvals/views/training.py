"""Who was trained for what."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.approvals import queries, services
from apps.approvals.forms import TrainingForm
from apps.approvals.models import TrainingRecord
from apps.common.errors import Refused


@needs("people.manage")
def training(request: PersonRequest) -> HttpResponse:
    """Records, who has none, and a form for a new one."""
    form = TrainingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.record_training(actor=request.user, **form.cleaned_data)
        except Refused as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, f"{made.user} may decide up to {made.most_risk} risk.")
            return redirect("approvals:training")
    context = {
        "form": form,
        "rows": queries.training_records(),
        "untrained": queries.untrained(),
        "required": queries.training_required(),
    }
    status = 422 if form.errors else 200
    return render(request, "approvals/training.html", context, status=status)


@require_POST
@needs("people.manage")
def end_training(request: PersonRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(TrainingRecord, pk=pk)
    try:
        services.end_training(
            actor=request.user, training=row, reason=request.POST.get("reason", "")
        )
        messages.success(request, f"The record of {row.user} has ended.")
    except Refused as error:
        messages.error(request, error.sentence)
    return redirect("approvals:training")
