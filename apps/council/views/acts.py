"""What may be done to a motion besides voting: one form each, one service each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import queries
from apps.council.models import Motion
from apps.council.services import motions, timelock
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
    return "Stopped; the council looks at it again."


def do_lift(request: PersonRequest, found: Motion) -> str:
    reason = request.POST.get("reason", "")
    timelock.settle_stop(actor=request.user, motion=found, lift=True, reason=reason)
    return "It goes on."


def do_drop(request: PersonRequest, found: Motion) -> str:
    reason = request.POST.get("reason", "")
    timelock.settle_stop(actor=request.user, motion=found, lift=False, reason=reason)
    return "It does not come into force."


ACTS: Mapping[str, Callable[[PersonRequest, Motion], str]] = {
    "second": do_second,
    "declare": do_declare,
    "withdraw": do_withdraw,
    "replace": do_replace,
    "stop": do_stop,
    "lift": do_lift,
    "drop": do_drop,
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
