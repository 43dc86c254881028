"""What may be done to a motion besides voting: one form each, one service each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import queries
from apps.council.models import Motion
from apps.council.services import authority, motions, questions, timelock
from apps.council.views.motions import motion_page, url_of
from apps.policies import queries as policies


def do_second(request: PersonRequest, found: Motion) -> str:
    motions.second(actor=request.user, motion=found)
    return "Seconded; the period for comments has begun."


def do_declare(request: PersonRequest, found: Motion) -> str:
    motions.declare(actor=request.user, motion=found, reason=request.POST.get("reason", ""))
    return "Recorded. You may speak, and you will not vote on this motion."


def do_withdraw(request: PersonRequest, found: Motion) -> str:
    motions.withdraw(actor=request.user, motion=found, reason=request.POST.get("reason", ""))
    return f"{found.reference} is withdrawn."


def do_replace(request: PersonRequest, found: Motion) -> str:
    """The motion moves to the policy's draft; what was voted on the old text is void."""
    draft = policies.draft_of(found.version.policy) if found.version else None
    if draft is None:
        raise Invalid("There is no draft of this policy to move the motion to.")
    reason = request.POST.get("reason", "")
    motions.replace_text(actor=request.user, motion=found, version=draft, reason=reason)
    return f"The motion moves to version {draft.number}; it is in review again."


def do_stop(request: PersonRequest, found: Motion) -> str:
    timelock.stop(actor=request.user, motion=found, reason=request.POST.get("reason", ""))
    return "Stopped; the council decides whether it goes on."


def do_challenge(request: PersonRequest, found: Motion) -> str:
    pk = request.POST.get("member", "")
    member = get_object_or_404(User, pk=int(pk) if pk.isdecimal() else 0, is_active=True)
    reason = request.POST.get("reason", "")
    questions.challenge(actor=request.user, motion=found, member=member, reason=reason)
    return f"The other members decide whether {member} is impartial."


def do_leave(request: PersonRequest, found: Motion) -> str:
    reason = request.POST.get("reason", "")
    motions.leave_to_alternate(actor=request.user, motion=found, reason=reason)
    return "Your alternate sits for you on this motion."


def do_adopt(request: PersonRequest, found: Motion) -> str:
    decide(request, found, adopted=True)
    return f"{found.reference} is adopted."


def do_decline(request: PersonRequest, found: Motion) -> str:
    decide(request, found, adopted=False)
    return f"{found.reference} is not adopted."


def decide(request: PersonRequest, found: Motion, *, adopted: bool) -> None:
    authority.decide_escalated(
        actor=request.user,
        motion=found,
        adopted=adopted,
        reason=request.POST.get("reason", ""),
        packet_digest=request.POST.get("packet", ""),
    )


ACTS: Mapping[str, Callable[[PersonRequest, Motion], str]] = {
    "second": do_second,
    "declare": do_declare,
    "withdraw": do_withdraw,
    "replace": do_replace,
    "stop": do_stop,
    "challenge": do_challenge,
    "leave": do_leave,
    "adopt": do_adopt,
    "decline": do_decline,
}


@needs("council.view")
@require_POST
def act(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    found = queries.motion(request.user, number)
    if verb not in ACTS:
        raise Absent
    try:
        return told(request, ACTS[verb](request, found), url_of(found))
    except Invalid as error:
        return motion_page(request, found, error, **{verb: request.POST.get("reason", "")})
