from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common import diffing
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import exports, queries, reading
from apps.council.models import Comment, Motion, Question
from apps.council.rules import Constitution
from apps.council.services import ballots, comments, motions, questions
from apps.council.services.common import constitution, seat_of
from apps.council.states import Choice, Function, Kind, MotionStatus, QuestionStatus
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
    ballot = queries.ballot(request.user, found, rules)
    asked = queries.questions(found)
    context: dict[str, Any] = {
        "motion": found,
        "packet": found.packet,
        "ballot": ballot,
        "comments": queries.comments(found),
        "objections": queries.open_objections(found),
        "questions": asked,
        "open_questions": any(row.status == QuestionStatus.OPEN for row in asked),
        "owed_questions": {row.pk for row in asked if queries.owes_hand(request.user, row)},
        "rivals": queries.rivals(found),
        "needs": rules.rules_for(found.klass, loosens=found.loosens),
        "draft": policies.draft_of(found.version.policy) if found.version else None,
        **policy_in_words(found.packet),
        "choices": [
            (value, label)
            for value, label in Choice.choices
            if value != Choice.VETO or (ballot and ballot.may_veto)
        ],
        "stale": ballots.stale(found),
        "answers": comments.ANSWERS.items(),
        "authority": queries.named_authority(rules),
        "error": error,
        "typed": typed,
        "may_audit": holds(request.user, "audit.view"),
        **rights(request.user, found, rules),
    }
    return render(request, "council/motion.html", context, status=422 if error else 200)


def policy_in_words(packet: Mapping[str, Any]) -> dict[str, Any]:
    """What members read of a policy before its Cedar text."""
    if "text" not in packet:
        return {}
    base = (packet.get("base") or {}).get("text", "")
    return {
        "short": reading.in_short(packet),
        "said": reading.lines_of(packet),
        "lines": diffing.lines(base, packet["text"]),
    }


def rights(user: User, found: Motion, rules: Constitution) -> dict[str, Any]:
    """What the reader may do to the motion; every service checks it again."""
    seat = seat_of(user)
    before = found.status in motions.BEFORE_THE_BALLOT
    free = questions.impartial_members(found) if seat is not None and before else []
    return {
        "seat": seat,
        "proposes": found.proposer_id == user.pk,
        "may_second": seat is not None and found.proposer_id != user.pk,
        "may_sit": holds(user, "council.sit"),
        "may_answer": found.proposer_id == user.pk
        or (seat is not None and seat.function == Function.CHAIR),
        "may_dissent": comments.may_dissent(user, found),
        "may_stop": found.status == MotionStatus.WAITING
        and seat is not None
        and seat.function in rules.guardians,
        "may_decide": found.status == MotionStatus.ESCALATED and user.username == rules.authority,
        "before_ballot": before,
        "members": [member for member in free if member.pk != user.pk],
    }


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
        comments.comment(actor=request.user, motion=found, text=text, kind=kind)
    except Invalid as error:
        return motion_page(request, found, error, text=text)
    return told(request, "It is on the record.", url_of(found))


@needs("council.view")
@require_POST
def answer(request: PersonRequest, number: int, pk: uuid.UUID) -> HttpResponse:
    found = queries.motion(request.user, number)
    objection = get_object_or_404(Comment, pk=pk, motion=found)
    if "withdraw" in request.POST:
        comments.withdraw_objection(actor=request.user, objection=objection)
        return told(request, "The objection is withdrawn.", url_of(found))
    if "escalate" in request.POST:
        comments.escalate_objection(actor=request.user, objection=objection)
        words = "It goes before the council: on the agenda, and beside the ballot."
        return told(request, words, url_of(found))
    comments.answer(
        actor=request.user,
        objection=objection,
        text=request.POST.get("answer", ""),
        kind=request.POST.get("kind", ""),
    )
    return told(request, "The objection is answered.", url_of(found))


def url_of(found: Motion) -> str:
    return reverse("council:motion", args=[found.number])


@needs("council.sit")
@require_POST
def raise_hand(request: PersonRequest, number: int, pk: uuid.UUID) -> HttpResponse:
    """Yes or no to what members decide among themselves."""
    found = queries.motion(request.user, number)
    question = get_object_or_404(Question.objects.select_related("motion"), pk=pk, motion=found)
    answered = request.POST.get("answer", "")
    if answered not in ("yes", "no"):
        raise Absent
    row = questions.answer(
        actor=request.user,
        question=question,
        yes=answered == "yes",
        reason=request.POST.get("reason", ""),
    )
    return told(request, row.outcome_note or "Your answer is on record.", url_of(found))


@needs("council.view")
@require_safe
def record_of(request: PersonRequest, number: int) -> HttpResponse:
    """The decision as a file: packet, electorate, every ballot with its reason, what was said."""
    found = queries.motion(request.user, number)
    answer = JsonResponse(exports.record_of(request.user, found), json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="{found.reference}.json"'
    return answer
