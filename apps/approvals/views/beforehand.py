"""Consent beforehand, and freezes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.approvals import queries, services
from apps.approvals.forms import FreezeForm, StandingForm
from apps.approvals.models import Checkpoint, Freeze
from apps.approvals.views.queues import attempt
from apps.common.clock import now
from apps.common.errors import Absent, Refused


def standing(request: PersonRequest) -> HttpResponse:
    """Standing approvals of the person's queues, each with its uses; leads give new ones."""
    leads = Checkpoint.objects.filter(queue__lead=request.user, hard=False).exists()
    sees = holds(request.user, "approvals.view") or queries.queue_ids(request.user)
    if not sees:
        raise Absent
    form = StandingForm(request.POST or None, user=request.user, label_suffix="")
    if request.method == "POST":
        if not leads:
            raise Absent
        if form.is_valid():
            data = form.cleaned_data
            given = attempt(
                form,
                lambda: services.grant_standing(
                    actor=request.user,
                    checkpoint=data["checkpoint"],
                    agent=data["agent"],
                    tool=data["tool"].name,
                    rule_key=data["rule_key"],
                    limits=data["limits"],
                    ends_at=form.ends_at(),
                    most=data["most"],
                    reason=data["reason"],
                ),
            )
            if given:
                messages.success(request, "Given. Each use is on record and listed here.")
                return redirect("approvals:standing")
    rows = queries.standing_seen_by(request.user)[:50]
    context = {"rows": rows, "form": form, "leads": leads, "now": now()}
    return render(request, "approvals/standing.html", context, status=422 if form.errors else 200)


def standing_one(request: PersonRequest, pk: int) -> HttpResponse:
    """One standing approval and its newest uses; POST ends it."""
    found = queries.standing_seen_by(request.user).filter(pk=pk).first()
    if found is None:
        raise Absent
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip() or "Not needed any more."
        try:
            services.revoke_standing(actor=request.user, standing=found, reason=reason)
            messages.success(request, "It has ended.")
        except Refused as error:
            messages.error(request, error.sentence)
        return redirect("approvals:standing-one", pk)
    context = {"row": found, "uses": found.uses.order_by("-number")[:50], "now": now()}
    return render(request, "approvals/standing_one.html", context)


def freezes(request: PersonRequest) -> HttpResponse:
    may = holds(request.user, "queues.manage")
    if not (may or holds(request.user, "approvals.view") or queries.queue_ids(request.user)):
        raise Absent
    form = FreezeForm(request.POST or None, label_suffix="")
    if request.method == "POST":
        if not may:
            raise Absent
        if form.is_valid():
            data = {**form.cleaned_data, "tools": [t.name for t in form.cleaned_data["tools"]]}
            if attempt(form, lambda: services.plan_freeze(actor=request.user, **data)):
                messages.success(request, "Planned. While it lasts nothing passes by itself.")
                return redirect("approvals:freezes")
    context = {"rows": queries.freezes_ahead(now()), "form": form, "may": may, "now": now()}
    return render(request, "approvals/freezes.html", context, status=422 if form.errors else 200)


@needs("queues.manage")
@require_POST
def end_freeze(request: PersonRequest, pk: int) -> HttpResponse:
    reason = request.POST.get("reason", "").strip() or "Over early."
    services.end_freeze(actor=request.user, freeze=get_object_or_404(Freeze, pk=pk), reason=reason)
    messages.success(request, "The freeze has ended.")
    return redirect("approvals:freezes")
