"""Stand-ins and notices."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest
from apps.approvals import notices, queries, services
from apps.approvals.forms import DelegationForm
from apps.common.clock import now


def delegations(request: PersonRequest) -> HttpResponse:
    """Stand-ins: whom the person named, and for whom they stand in."""
    if not queries.queue_ids(request.user):
        raise Http404
    form = DelegationForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made = services.lend(
            actor=request.user,
            taker=data["taker"],
            queue=data["queue"],
            most_risk=data["most_risk"],
            starts_at=form.starts_at(),
            ends_at=form.ends_at(),
            reason=data["reason"],
        )
        begins = "" if made.starts_at <= now() else f" from {made.starts_at:%d %B} on"
        messages.success(request, f"{made.taker} stands in for you{begins}.")
        return redirect("approvals:delegations")
    context = {"form": form, "rows": queries.delegations(request.user)}
    status = 422 if form.errors else 200
    return render(request, "approvals/delegations.html", context, status=status)


@require_POST
def end_delegation(request: PersonRequest, pk: int) -> HttpResponse:
    found = next((row for row in queries.delegations(request.user) if row.pk == pk), None)
    if found is None:
        raise Http404
    services.take_back(actor=request.user, delegation=found)
    return redirect("approvals:delegations")


def notices_page(request: PersonRequest) -> HttpResponse:
    if request.method == "POST":
        notices.open_all(user=request.user)
        return redirect("approvals:notices")
    context = {"notices": queries.notices_of(request.user)}
    return render(request, "approvals/notices.html", context)
