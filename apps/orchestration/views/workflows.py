from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Refused
from apps.common.middleware import told
from apps.orchestration.forms import PlaceForm
from apps.orchestration.models import Workflow
from apps.orchestration.services import place_workflow


@needs("runs.view")
def workflows(request: PersonRequest) -> HttpResponse:
    context = {
        "workflows": Workflow.objects.order_by("title"),
        "may_place": holds(request.user, "readiness.accept"),
    }
    return render(request, "orchestration/workflows.html", context)


@needs("readiness.accept")
def place(request: PersonRequest, slug: str) -> HttpResponse:
    """Which process a workflow belongs to, on a page of its own with the reason."""
    workflow = get_object_or_404(Workflow, slug=slug)
    form = PlaceForm(request.POST or None, initial={"process": workflow.process})
    if request.method == "POST" and form.is_valid():
        try:
            place_workflow(actor=request.user, workflow=workflow, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            return told(request, "The process is named.", "orchestration:workflows")
    context = {"workflow": workflow, "form": form}
    status = 422 if form.errors else 200
    return render(request, "orchestration/place.html", context, status=status)
