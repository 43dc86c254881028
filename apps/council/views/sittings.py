from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import forms, queries
from apps.council.services import sittings
from apps.council.services.common import constitution
from apps.council.views.council import agenda


@needs("council.chair")
def call(request: PersonRequest) -> HttpResponse:
    form = forms.SittingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = sittings.call_sitting(actor=request.user, **form.cleaned_data)
        except Invalid as error:
            form.add_error("starts_at", error.sentence)
        else:
            return told(
                request,
                f"{made.reference} is called.",
                reverse("council:sitting", args=[made.number]),
            )
    context = {"form": form, "title": "Call a sitting"}
    return render(request, "council/propose.html", context, status=422 if form.errors else 200)


@needs("council.view")
def sitting(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.sitting(request.user, number)
    context = {
        "sitting": found,
        **agenda(request.user, constitution(), list(queries.live_seats())),
        "decided": queries.decided_in(found),
        "notes": found.notes.order_by("at", "pk"),
        "seats": queries.live_seats().order_by("function"),
        "may_chair": holds(request.user, "council.chair"),
        "may_sit": holds(request.user, "council.sit"),
        "may_sign": request.user.pk in found.present
        and all(signature["person"] != request.user.pk for signature in found.signatures),
    }
    return render(request, "council/sitting.html", context)


@needs("council.sit")
@require_POST
def sitting_act(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    found = queries.sitting(request.user, number)
    here = reverse("council:sitting", args=[found.number])
    if verb == "open":
        present = [int(pk) for pk in request.POST.getlist("present") if pk.isdecimal()]
        sittings.open_sitting(actor=request.user, sitting=found, present=present)
    elif verb == "note":
        sittings.note(
            actor=request.user,
            sitting=found,
            item=request.POST.get("item", ""),
            text=request.POST.get("text", ""),
        )
    elif verb == "close":
        sittings.close_sitting(actor=request.user, sitting=found)
    elif verb == "sign":
        digest = request.POST.get("digest", "")
        sittings.sign(actor=request.user, sitting=found, minutes_digest=digest)
    else:
        raise Absent
    return redirect(here)
