from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Invalid
from apps.common.middleware import told
from apps.council import forms, queries
from apps.council.models import Seat
from apps.council.services import proposals
from apps.council.services.common import seat_of
from apps.council.services.seats import name_alternate
from apps.council.states import Function
from apps.council.views.motions import url_of


@needs("council.view")
def seats(request: PersonRequest) -> HttpResponse:
    return seats_page(request)


def seats_page(request: PersonRequest, error: Invalid | None = None) -> HttpResponse:
    own = seat_of(request.user)
    chairs = own is not None and own.function == Function.CHAIR
    live = list(queries.live_seats().order_by("function"))
    fit = queries.fit_alternates(live)
    rows = [
        {
            "seat": seat,
            "fit": fit[seat.pk],
            "may_name": chairs or seat.user_id == request.user.pk,
        }
        for seat in live
    ]
    context = {
        "rows": rows,
        "past": queries.past_seats(),
        "may_propose": holds(request.user, "council.propose"),
        "error": error,
    }
    return render(request, "council/seats.html", context, status=422 if error else 200)


@needs("council.sit")
@require_POST
def alternate(request: PersonRequest, pk: int) -> HttpResponse:
    seat = get_object_or_404(Seat, pk=pk, ends_at=None)
    chosen = request.POST.get("user", "")
    user = get_object_or_404(User, pk=int(chosen)) if chosen.isdecimal() else None
    try:
        name_alternate(
            actor=request.user, seat=seat, user=user, reason=request.POST.get("reason", "")
        )
    except Invalid as error:
        return seats_page(request, error)
    words = f"{user} stands by for {seat.user}." if user else f"{seat.user} has no alternate now."
    return told(request, words, reverse("council:seats"))


@needs("council.propose")
def end_seat(request: PersonRequest, pk: int) -> HttpResponse:
    """The page of its own that a dangerous act has: a motion, and what it means for ballots that
    are open."""
    seat = get_object_or_404(Seat.objects.select_related("user"), pk=pk, ends_at=None)
    form = forms.EndSeatForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = proposals.propose_rules(
                actor=request.user,
                payload={"end_seat": seat.pk, "cause": form.cleaned_data["cause"] == "yes"},
                rationale=form.cleaned_data["rationale"],
            )
        except Invalid as error:
            form.add_error(None, error.sentence)
        else:
            return told(request, f"{made.reference} is put to the council.", url_of(made))
    context = {
        "seat": seat,
        "form": form,
        "uncast": queries.owed(seat.user).count(),
        "left": queries.live_seats().exclude(pk=seat.pk).count(),
    }
    return render(request, "council/end_seat.html", context, status=422 if form.errors else 200)
