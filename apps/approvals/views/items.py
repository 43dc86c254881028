"""The inbox and one item in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest
from apps.access.queries import holds
from apps.approvals import queries, services
from apps.approvals.models import ApprovalRequest
from apps.approvals.states import Choice
from apps.common import diffing
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.ledger.reads import note_read
from apps.registry.states import Risk

PLACES = (
    ("approvals:bulk", "Decide together"),
    ("approvals:queues", "Queues"),
    ("approvals:delegations", "Stand-ins"),
    ("approvals:notices", "Notices"),
    ("approvals:skipped", "Not seen beforehand"),
    ("approvals:second-looks", "Second looks"),
    ("approvals:levels", "Levels"),
    ("approvals:my-vigilance", "My vigilance"),
    ("approvals:insight", "Insight"),
)


def inbox(request: PersonRequest) -> HttpResponse:
    return render(request, "approvals/inbox.html", list_context(request, now()))


def list_context(request: PersonRequest, moment: dt.datetime) -> dict[str, Any]:
    filters = {name: request.GET.get(name, "") for name in ("queue", "risk", "search")}
    view = request.GET.get("view", "mine")
    view = view if view in queries.VIEWS else "mine"
    return {
        "inbox": queries.inbox(request.user, view=view, moment=moment, **filters),
        "places": PLACES,
        "view": view,
        "views": queries.VIEWS.items(),
        "filters": filters,
        "risks": Risk.choices,
        "queues": queries.queues(request.user),
        "undoable": queries.undoable(request.user, moment),
        "handovers": queries.handovers(request.user, moment),
    }


def item(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    return show(request, found)


def show(
    request: PersonRequest, found: ApprovalRequest, status: int = 200, **extra: Any
) -> HttpResponse:
    queries.read_parts(found)
    why_not = queries.why_not(request.user, found)
    note_read(object=found, what="the evidence of a request")
    votes = list(found.votes.all())
    waits, moment = found.status == "pending", now()
    alone = beside_the_list(request)
    context = {
        **({"view": request.GET.get("view", "mine")} if alone else list_context(request, moment)),
        "item": found,
        "pack": queries.pack_of(
            request.user,
            found,
            answered=any(vote.voter_id == request.user.pk for vote in votes),
            moment=moment,
        ),
        "votes": votes,
        "needs": found.checkpoints.all(),
        "why_not": why_not,
        "choices": Choice.choices,
        "reasons": queries.reasons(),
        "levels": queries.next_level(found) if waits else [],
        "questions": queries.questions_of(found),
        "late": [] if waits else queries.late_answers(found),
        "following": None if waits else found.superseded_by.order_by("-number").first(),
        "edited": edited_fields(found),
        "may_audit": holds(request.user, "audit.view"),
        **extra,
    }
    template = "approvals/pane.html" if alone else "approvals/inbox.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def beside_the_list(request: PersonRequest) -> bool:
    """Whether the list stands on the page already and the item alone is wanted."""
    asked = request.htmx
    return bool(asked) and asked.target == "pane" and not asked.history_restore_request


def edited_fields(found: ApprovalRequest) -> list[diffing.FieldChange]:
    """What a person changed in the call, where this request is about an edit."""
    told = found.evidence.get("edit", {})
    return diffing.changed_fields(told.get("before", {}), told.get("after", {}))


@require_POST
def decide(request: PersonRequest, number: int) -> HttpResponse:
    """Records one answer. Whatever goes wrong, what was typed stays on the page."""
    found = queries.request_numbered(request.user, number)
    typed = {name: request.POST.get(name, "") for name in ("choice", "reason", "code")}
    fence = request.POST.get("fence", "")
    try:
        if typed["choice"] == "escalate":
            return escalated(request, found, typed["reason"])
        decided = services.vote(
            actor=request.user,
            request_id=found.pk,
            digest=request.POST.get("digest", ""),
            fence=int(fence) if fence.isdecimal() else None,
            choice=typed["choice"],
            reason=typed["reason"],
            code=typed["code"],
        )
    except Invalid as error:
        return show(request, found, 422, typed=typed, errors=error.fields, problem=error.sentence)
    except (Conflict, NotPermitted) as error:
        found.refresh_from_db()
        return show(request, found, error.status, typed=typed, problem=error.sentence)
    return go_on(request, decided) if decided.is_seed else after_decision(request, decided)


def escalated(request: PersonRequest, found: ApprovalRequest, reason: str) -> HttpResponse:
    services.escalate(actor=request.user, request_id=found.pk, reason=reason)
    if not found.is_seed:
        messages.success(request, f"{found.reference} is with the next level; its clock goes on.")
    return go_on(request, found)


def after_decision(request: PersonRequest, decided: ApprovalRequest) -> HttpResponse:
    words = {
        "pending": "Your vote is recorded; another person is needed.",
        "approved": "Approved.",
        "rejected": "Rejected. The agent is told why.",
        "returned": "Sent back with your instruction.",
    }
    messages.success(request, f"{decided.reference}: {words[decided.status]}")
    return go_on(request, decided)


def go_on(request: PersonRequest, done: ApprovalRequest) -> HttpResponse:
    """To the next item, for those who want that; else to the list. What was a known-answer item is
    told at once."""
    if done.is_seed:
        return redirect("approvals:reveal", done.number)
    following = queries.next_after(request.user, done) if request.user.open_next else None
    if following is not None:
        return redirect("approvals:request", following.number)
    return redirect("approvals:inbox")


@require_POST
def claim(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    try:
        services.claim(actor=request.user, request_id=found.pk)
    except Refused as error:
        messages.error(request, error.sentence)
    return redirect("approvals:request", number)


@require_POST
def release(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    try:
        services.release(actor=request.user, request_id=found.pk)
    except Refused as error:
        messages.error(request, error.sentence)
    return redirect("approvals:request", number)


def pulse(request: PersonRequest) -> HttpResponse:
    """204 while nothing changed; else a banner. The list stays put under the hands."""
    version = request.GET.get("v", "")
    if version == queries.pulse(request.user):
        return HttpResponse(status=204)
    number = queries.newer_than(request.user, version)
    if not number:
        return HttpResponse(status=204)
    return render(request, "approvals/pulse.html", {"number": number})


def state(request: PersonRequest, number: int) -> HttpResponse:
    """Tells a page that is open whether somebody else has decided meanwhile."""
    found = queries.request_numbered(request.user, number)
    if found.status == "pending":
        return HttpResponse(status=204)
    return render(request, "approvals/decided.html", {"item": found})


@require_POST
def snooze(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    hours = request.POST.get("hours", "")
    if hours == "0":
        services.unsnooze(actor=request.user, request_id=found.pk)
        return redirect("approvals:request", number)
    services.snooze(
        actor=request.user, request_id=found.pk, hours=int(hours) if hours.isdecimal() else 1
    )
    messages.success(request, f"{found.reference} is out of your sight; its clock goes on.")
    return redirect("approvals:inbox")


@require_POST
def look(request: PersonRequest, number: int) -> HttpResponse:
    """The page tells that it is before a person's eyes; nothing is recorded on GET."""
    found = queries.request_numbered(request.user, number)
    seconds = request.POST.get("seconds", "")
    if seconds.isdecimal():
        services.note_reading(
            actor=request.user,
            request_id=found.pk,
            seconds=int(seconds[:6]),
            expanded=request.POST.getlist("part"),
        )
    else:
        services.note_look(actor=request.user, request_id=found.pk)
    return HttpResponse(status=204)
