from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.forms import Form
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common import diffing
from apps.common.clock import now
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.common.templatetags.ui import span_in_words
from apps.council import forms, queries
from apps.council.models import Certification, Comment, Measure, Motion
from apps.council.rules import EMERGENCY_DAYS, Constitution
from apps.council.services import ballots, emergency, motions, sittings
from apps.council.services.common import constitution, days, seat_of
from apps.council.states import Choice, Kind, MotionClass
from apps.policies import proof
from apps.policies import queries as policies
from apps.registry import queries as registry


def overview(request: PersonRequest) -> HttpResponse:
    return render(request, "council/overview.html", queries.overview(request.user))


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
    ballots.stop(actor=request.user, motion=found, reason=request.POST.get("reason", ""))
    return "Stopped; the council looks at it again."


def do_lift(request: PersonRequest, found: Motion) -> str:
    reason = request.POST.get("reason", "")
    ballots.settle_stop(actor=request.user, motion=found, lift=True, reason=reason)
    return "It goes on."


def do_drop(request: PersonRequest, found: Motion) -> str:
    reason = request.POST.get("reason", "")
    ballots.settle_stop(actor=request.user, motion=found, lift=False, reason=reason)
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


def url_of(found: Motion) -> str:
    return reverse("council:motion", args=[found.number])


@needs("council.propose")
def propose_policy(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    policy = policies.policy(request.user, slug)
    version = policies.version(policy, number)
    obstacles = proof.obstacles(version)
    context: dict[str, Any] = {"version": version, "policy": policy, "obstacles": obstacles}

    def put(data: Mapping[str, Any]) -> Motion:
        return motions.propose_policy(actor=request.user, version=version, **data)

    return asked(request, forms.WhyForm, put, f"Propose {version}", initial=None, **context)


@needs("council.propose")
def propose_activation(request: PersonRequest, slug: str) -> HttpResponse:
    agent = registry.agent(request.user, slug)

    def put(data: Mapping[str, Any]) -> Motion:
        return motions.propose_activation(actor=request.user, agent=agent, **data)

    return asked(request, forms.WhyForm, put, f"Propose that {agent} goes to work", agent=agent)


@needs("council.propose")
def propose_grant(request: PersonRequest, slug: str) -> HttpResponse:
    agent = registry.agent(request.user, slug)

    def put(data: Mapping[str, Any]) -> Motion:
        return motions.propose_grant(actor=request.user, agent=agent, **data)

    title = f"Ask for a permission for {agent}"
    return asked(request, forms.GrantMotionForm, put, title, agent=agent)


@needs("council.propose")
def propose(request: PersonRequest, what: str) -> HttpResponse:
    """Checkpoints, seats and the council's own rules."""
    found = PROPOSALS.get(what)
    if found is None:
        raise Absent
    title, form, service = found

    def put(data: Mapping[str, Any]) -> Motion:
        return service(request, dict(data))

    initial = {"values": shown_rules()} if what == "rules" else None
    return asked(request, form, put, title, initial=initial)


def put_checkpoint(request: PersonRequest, data: dict[str, Any]) -> Motion:
    return motions.propose_checkpoint(actor=request.user, **data)


def put_seat(request: PersonRequest, data: dict[str, Any]) -> Motion:
    seat = {"user": data["user"].pk, "function": data["function"]}
    return motions.propose_rules(
        actor=request.user, payload={"seat": seat}, rationale=data["rationale"]
    )


def put_rules(request: PersonRequest, data: dict[str, Any]) -> Motion:
    return motions.propose_rules(
        actor=request.user, payload={"values": data["values"]}, rationale=data["rationale"]
    )


def shown_rules() -> dict[str, Any]:
    found = constitution()
    return {
        "periods": {name: dict(periods) for name, periods in found.periods.items()},
        "collapse": found.collapse,
        "guardians": list(found.guardians),
    }


Proposal = tuple[str, type[Form], Callable[[PersonRequest, dict[str, Any]], Motion]]
PROPOSALS: dict[str, Proposal] = {
    "checkpoint": (
        "Propose another number of people at a checkpoint",
        forms.CheckpointMotionForm,
        put_checkpoint,
    ),
    "seat": ("Propose a seat", forms.SeatMotionForm, put_seat),
    "rules": ("Propose other council rules", forms.RulesMotionForm, put_rules),
}


def asked(
    request: PersonRequest,
    form_class: type[Form],
    put: Callable[[Mapping[str, Any]], Motion],
    title: str,
    *,
    initial: dict[str, Any] | None = None,
    **context: Any,
) -> HttpResponse:
    """One page for every kind of proposal; a refusal is told at the form, nothing typed is lost."""
    form = form_class(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = put(form.cleaned_data)
        except Invalid as error:
            form.add_error(None, error.sentence)
        else:
            return told(request, f"{made.reference} is put to the council.", url_of(made))
    status = 422 if form.errors else 200
    return render(
        request, "council/propose.html", {"form": form, "title": title, **context}, status=status
    )


def agenda(rules: Constitution) -> list[queries.Forecast]:
    found = queries.open_motions()
    return queries.forecast(found, rules, ballots.ties_for(found))


@needs("council.view")
def council(request: PersonRequest) -> HttpResponse:
    rules = constitution()
    seat = seat_of(request.user)
    context = {
        "seats": queries.live_seats().select_related("user__department").order_by("function"),
        "classes": [
            (MotionClass(name).label, rules.periods[name], rules.rules_for(name, loosens=False))
            for name in MotionClass.values
        ],
        "rules": rules,
        "measures": queries.measures(request.user),
        "forecast": agenda(rules),
        "certifications": queries.certifications(sittings.soon()),
        "unused": queries.unused_grants(),
        "silent": queries.silent_rules(),
        "sittings": queries.sittings(request.user),
        "may_certify": seat is not None,
        "has_power": queries.has_power(request.user),
        "may_propose": holds(request.user, "council.propose"),
        "may_chair": holds(request.user, "council.chair"),
        "day": span_in_words(days(1).total_seconds()),
    }
    return render(request, "council/council.html", context)


@needs("council.sit")
@require_POST
def certify(request: PersonRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Certification, pk=pk)
    sittings.certify(actor=request.user, certification=row, reason=request.POST.get("reason", ""))
    return told(request, f"{row} is certified.", reverse("council:council"))


@needs("council.sit")
def emergency_page(request: PersonRequest) -> HttpResponse:
    """The page of its own that a dangerous act has: what it does, and that it ends by itself."""
    target = {"target": request.GET.get("target", ""), "kind": request.GET.get("kind", "")}
    form = forms.MeasureForm(request.POST or None, initial=target)
    if request.method == "POST" and form.is_valid():
        try:
            made = emergency.ask_measure(actor=request.user, **form.cleaned_data)
        except Invalid as error:
            form.add_error("target", error.sentence)
        else:
            words = f"{made.reference} waits for a second person."
            return told(request, words, reverse("council:emergency"))
    context = {
        "form": form,
        "measures": queries.measures(request.user, live=False),
        "has_power": queries.has_power(request.user),
        "days": EMERGENCY_DAYS,
    }
    return render(request, "council/emergency.html", context, status=422 if form.errors else 200)


@needs("council.sit")
@require_POST
def measure(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    found = get_object_or_404(Measure, number=number)
    if verb == "second":
        emergency.second_measure(actor=request.user, measure=found)
        return told(request, f"{found.reference} is in force.", reverse("council:emergency"))
    if verb != "lift":
        raise Absent
    emergency.lift(actor=request.user, measure=found, reason=request.POST.get("reason", ""))
    return told(request, f"{found.reference} is lifted.", reverse("council:emergency"))


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
        "forecast": agenda(constitution()),
        "certifications": queries.certifications(sittings.soon()),
        "unused": queries.unused_grants(),
        "silent": queries.silent_rules(),
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


@login_not_required
@require_safe
def healthz(request: PersonRequest) -> JsonResponse:
    """For the load balancer: this process answers, and reaches its database."""
    try:
        now()
    except DatabaseError:
        return JsonResponse({"database": "unreachable"}, status=503)
    return JsonResponse({"database": "ok"})


@login_not_required
def absent(request: PersonRequest, exception: Exception | None = None) -> HttpResponse:
    """Absent and forbidden look the same."""
    return render(request, "errors/404.html", status=404)


@login_not_required
def bad_request(request: PersonRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "errors/400.html", status=400)


@login_not_required
def failed(request: PersonRequest) -> HttpResponse:
    return render(request, "errors/500.html", status=500)
