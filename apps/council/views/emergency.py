from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import forms, queries
from apps.council.models import Measure
from apps.council.rules import EMERGENCY_DAYS
from apps.council.services import emergency


@needs("council.sit")
def emergency_page(request: PersonRequest) -> HttpResponse:
    """The page of its own that a dangerous act has: what it does, and that it ends by itself."""
    target = {"target": request.GET.get("target", ""), "kind": request.GET.get("kind", "")}
    form = forms.MeasureForm(request.POST or None, initial=target)
    if request.method == "POST" and form.is_valid():
        try:
            made = emergency.ask_measure(actor=request.user, **form.cleaned_data)
        except Invalid as error:
            form.add_error("target", error.sentence)
        else:
            words = f"{made.reference} waits for a second person."
            return told(request, words, reverse("council:emergency"))
    context = {
        "form": form,
        "measures": queries.measures(request.user, live=False),
        "has_power": queries.has_power(request.user),
        "days": EMERGENCY_DAYS,
    }
    return render(request, "council/emergency.html", context, status=422 if form.errors else 200)


@needs("council.sit")
@require_POST
def measure(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    found = get_object_or_404(Measure, number=number)
    if verb == "second":
        emergency.second_measure(actor=request.user, measure=found)
        return told(request, f"{found.reference} is in force.", reverse("council:emergency"))
    if verb != "lift":
        raise Absent
    emergency.lift(actor=request.user, measure=found, reason=request.POST.get("reason", ""))
    return told(request, f"{found.reference} is lifted.", reverse("council:emergency"))
