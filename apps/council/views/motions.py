from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common import diffing
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import queries
from apps.council.models import Comment, Motion
from apps.council.services import ballots, motions
from apps.council.services.common import constitution, seat_of
from apps.council.states import Choice, Kind
from apps.policies import queries as policies


@needs("council.view")
def decisions(request: PersonRequest) -> HttpResponse:
    view = request.GET.get("view", "open")
    kind = request.GET.get("kind", "")
    before = request.GET.get("before", "")
    rows = queries.decisions(
        request.user,
        view=view,
        kind=kind if kind in Kind.values else "",
        before=int(before) if before.isdecimal() else None,
    )
    context = {
        "rows": rows[: queries.SHOWN],
        "older": rows[queries.SHOWN - 1].motion.number if len(rows) > queries.SHOWN else None,
        "view": view,
        "kind": kind,
        "kinds": Kind.choices,
        "views": [("open", "Open"), ("mine", "Votes I owe"), ("past", "Decided"), ("all", "All")],
        "may_propose": holds(request.user, "council.propose"),
    }
    return render(request, "council/decisions.html", context)


@needs("council.view")
def motion(request: PersonRequest, number: int) -> HttpResponse:
    return motion_page(request, queries.motion(request.user, number))


def motion_page(
    request: PersonRequest, found: Motion, error: Invalid | None = None, **typed: str
) -> HttpResponse:
    """The motion with everything that the reader may do; what was typed is kept on an error."""
    rules = constitution()
    seat = seat_of(request.user)
    base = (found.packet.get("base") or {}).get("text", "")
    context: dict[str, Any] = {
        "motion": found,
        "packet": found.packet,
        "ballot": queries.ballot(request.user, found, rules),
        "comments": queries.comments(found),
        "objections": queries.open_objections(found),
        "needs": rules.rules_for(found.klass, loosens=found.loosens),
        "seat": seat,
        "draft": policies.draft_of(found.version.policy) if found.version else None,
        "proposes": found.proposer_id == request.user.pk,
        "may_second": seat is not None and found.proposer_id != request.user.pk,
        "may_sit": holds(request.user, "council.sit"),
        "may_answer": found.proposer_id == request.user.pk
        or (seat is not None and seat.function == "chair"),
        "guards": seat is not None and seat.function in rules.guardians,
        "chairs": seat is not None and seat.function == "chair",
        "lines": diffing.lines(base, found.packet["text"]) if "text" in found.packet else [],
        "choices": [
            (value, label)
            for value, label in Choice.choices
            if value != Choice.VETO or (seat and seat.function in rules.guardians and found.loosens)
        ],
        "stale": ballots.stale(found),
        "answers": motions.ANSWERS.items(),
        "error": error,
        "typed": typed,
    }
    return render(request, "council/motion.html", context, status=422 if error else 200)


@needs("council.view")
@require_POST
def vote(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.motion(request.user, number)
    choice, reason = request.POST.get("choice", ""), request.POST.get("reason", "")
    try:
        ballots.cast(
            actor=request.user,
            motion=found,
            choice=choice,
            reason=reason,
            packet_digest=request.POST.get("packet", ""),
        )
    except Invalid as error:
        return motion_page(request, found, error, choice=choice, reason=reason)
    words = "Your vote is cast; you may change it until the ballot closes."
    return told(request, words, url_of(found))


@needs("council.view")
@require_POST
def comment(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.motion(request.user, number)
    text, kind = request.POST.get("text", ""), request.POST.get("kind", "comment")
    if kind not in ("comment", "objection", "dissent"):
        raise Absent
    try:
        motions.comment(actor=request.user, motion=found, text=text, kind=kind)
    except Invalid as error:
        return motion_page(request, found, error, text=text)
    return told(request, "It is on the record.", url_of(found))


@needs("council.view")
@require_POST
def answer(request: PersonRequest, number: int, pk: uuid.UUID) -> HttpResponse:
    found = queries.motion(request.user, number)
    objection = get_object_or_404(Comment, pk=pk, motion=found)
    if "withdraw" in request.POST:
        motions.withdraw_objection(actor=request.user, objection=objection)
        return told(request, "The objection is withdrawn.", url_of(found))
    motions.answer(
        actor=request.user,
        objection=objection,
        text=request.POST.get("answer", ""),
        kind=request.POST.get("kind", ""),
    )
    return told(request, "The objection is answered.", url_of(found))


def url_of(found: Motion) -> str:
    return reverse("council:motion", args=[found.number])
