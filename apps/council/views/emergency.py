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
from apps.council.rules import EMERGENCY_DAYS, REPORT_DAYS
from apps.council.services import emergency
from apps.council.services.common import days


@needs("council.sit")
def emergency_page(request: PersonRequest) -> HttpResponse:
    """The page of its own that a dangerous act has: what it does, and that it ends by itself."""
    wanted = f"{request.GET.get('kind', '')}:{request.GET.get('target', '')}"
    form = forms.MeasureForm(request.POST or None, initial={"what": wanted})
    if request.method == "POST" and form.is_valid():
        kind, _, target = form.cleaned_data["what"].partition(":")
        try:
            made = emergency.ask_measure(
                actor=request.user, kind=kind, target=target, reason=form.cleaned_data["reason"]
            )
        except Invalid as error:
            form.add_error("what", error.sentence)
        else:
            return told(request, f"{made.reference} waits for a second person.", url_of(made))
    context = {
        "form": form,
        "measures": queries.measures(request.user, live=False),
        "has_power": queries.has_power(request.user),
        "days": EMERGENCY_DAYS,
    }
    return render(request, "council/emergency.html", context, status=422 if form.errors else 200)


@needs("council.view")
def measure(request: PersonRequest, number: int) -> HttpResponse:
    return measure_page(request, queries.measure(request.user, number))


def measure_page(
    request: PersonRequest, found: Measure, error: Invalid | None = None, **typed: str
) -> HttpResponse:
    """One measure: what it stops, in numbers; its second person, its end, its report."""
    took = request.user.pk in (found.asked_by_id, found.seconded_by_id)
    context = {
        "measure": found,
        "consequences": queries.consequences(found),
        "days": EMERGENCY_DAYS,
        "has_power": queries.has_power(request.user),
        "may_report": took and found.began_at is not None and found.reported_at is None,
        "report_due": found.began_at + days(REPORT_DAYS) if found.began_at else None,
        "error": error,
        "typed": typed,
    }
    return render(request, "council/measure.html", context, status=422 if error else 200)


def url_of(found: Measure) -> str:
    return reverse("council:measure", args=[found.number])


def do_second(request: PersonRequest, found: Measure) -> str:
    emergency.second_measure(actor=request.user, measure=found)
    return f"{found.reference} is in force."


def do_lift(request: PersonRequest, found: Measure) -> str:
    emergency.lift(actor=request.user, measure=found, reason=request.POST.get("reason", ""))
    return f"{found.reference} is lifted."


def do_report(request: PersonRequest, found: Measure) -> str:
    emergency.give_report(actor=request.user, measure=found, text=request.POST.get("text", ""))
    return "The report is on record, and the council is told."


ACTS = {"second": do_second, "lift": do_lift, "report": do_report}


@needs("council.sit")
@require_POST
def measure_act(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    found = get_object_or_404(Measure, number=number)
    if verb not in ACTS:
        raise Absent
    try:
        return told(request, ACTS[verb](request, found), url_of(found))
    except Invalid as error:
        return measure_page(request, found, error, text=request.POST.get("text", ""))
