"""Levels, and what nobody saw beforehand."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest
from apps.access.queries import holds
from apps.approvals import queries, services
from apps.approvals.levels import LOSSES
from apps.approvals.models import Scope, Skipped
from apps.common import diffing
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.common.paging import page


def levels_page(request: PersonRequest) -> HttpResponse:
    """How much people look at, per capability."""
    if not holds(request.user, "agents.view"):
        raise Http404
    context = {
        "standings": queries.standings(request.user),
        "may_tighten": holds(request.user, "checkpoints.tighten"),
        "may_propose": holds(request.user, "council.propose"),
    }
    return render(request, "approvals/levels.html", context)


@require_POST
def tighten(request: PersonRequest, pk: int) -> HttpResponse:
    if not holds(request.user, "agents.view"):
        raise Http404
    scope = get_object_or_404(Scope, pk=pk)
    try:
        services.review_everything(
            actor=request.user, scope=scope, reason=request.POST.get("reason", "")
        )
        messages.success(request, f"Every action is reviewed again: {scope}")
    except Refused as error:
        messages.error(request, error.sentence)
    return redirect("approvals:levels")


def skipped(request: PersonRequest) -> HttpResponse:
    """What the draw let through unseen, for a later look."""
    if not (holds(request.user, "approvals.view") or queries.queue_ids(request.user)):
        raise Http404
    view = "done" if request.GET.get("view") == "done" else "open"
    rows = queries.skipped_for(request.user, view)
    context = {"page": page(request, rows), "view": view}
    return render(request, "approvals/skipped.html", context)


def skipped_item(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    if not (holds(request.user, "approvals.view") or queries.queue_ids(request.user)):
        raise Http404
    row = queries.skipped_one(request.user, pk)
    if request.method == "POST":
        return judge(request, row)
    return show(request, row)


def show(request: PersonRequest, row: Skipped, status: int = 200, **extra: object) -> HttpResponse:
    will = row.evidence.get("will_happen", {})
    context = {
        "row": row,
        "changes": diffing.changed_fields(will.get("before", {}), will.get("after", {})),
        "facts": queries.facts_of(row),
        "why_not": queries.why_not_review(request.user, row),
        "severities": list(LOSSES),
        **extra,
    }
    return render(request, "approvals/skipped_item.html", context, status=status)


def judge(request: PersonRequest, row: Skipped) -> HttpResponse:
    typed = {name: request.POST.get(name, "") for name in ("severity", "note")}
    try:
        services.review_skipped(actor=request.user, skipped=row, **typed)
    except Invalid as error:
        return show(request, row, 422, typed=typed, problem=error.sentence, errors=error.fields)
    except (Conflict, NotPermitted) as error:
        row.refresh_from_db()
        return show(request, row, error.status, typed=typed, problem=error.sentence)
    messages.success(request, f"Recorded: {row.title}")
    return redirect("approvals:skipped")
