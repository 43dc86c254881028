from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.access.guards import PersonRequest, needs
from apps.approvals.models import Scope
from apps.common.errors import Absent, Invalid
from apps.common.middleware import told
from apps.council import forms
from apps.council.models import Motion
from apps.council.services import proposals
from apps.council.services.common import constitution
from apps.council.states import PERIOD_WORDS, MotionClass
from apps.council.views.motions import url_of
from apps.policies import proof
from apps.policies import queries as policies
from apps.readiness.queries.weights import in_force
from apps.registry import queries as registry


@needs("council.propose")
def propose_policy(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    policy = policies.policy(request.user, slug)
    version = policies.version(policy, number)
    obstacles = proof.obstacles(version)
    context: dict[str, Any] = {"version": version, "policy": policy, "obstacles": obstacles}

    def put(data: Mapping[str, Any]) -> Motion:
        return proposals.propose_policy(actor=request.user, version=version, **data)

    return asked(request, forms.WhyForm, put, f"Propose {version}", initial=None, **context)


@needs("council.propose")
def propose_activation(request: PersonRequest, slug: str) -> HttpResponse:
    agent = registry.agent(request.user, slug)

    def put(data: Mapping[str, Any]) -> Motion:
        return proposals.propose_activation(actor=request.user, agent=agent, **data)

    return asked(request, forms.WhyForm, put, f"Propose that {agent} goes to work", agent=agent)


@needs("council.propose")
def propose_grant(request: PersonRequest, slug: str) -> HttpResponse:
    agent = registry.agent(request.user, slug)

    def put(data: Mapping[str, Any]) -> Motion:
        return proposals.propose_grant(actor=request.user, agent=agent, **data)

    title = f"Ask for a permission for {agent}"
    return asked(request, forms.GrantMotionForm, put, title, agent=agent)


@needs("council.propose")
def propose_level(request: PersonRequest, pk: int) -> HttpResponse:
    """One level on for a capability, or the end of its full review."""
    scope = get_object_or_404(Scope.objects.select_related("agent"), pk=pk)

    def put(data: Mapping[str, Any]) -> Motion:
        return proposals.propose_level(actor=request.user, scope=scope, **data)

    title = "Ask that full review ends" if scope.held else f"Ask for L{scope.level + 1}"
    return asked(request, forms.WhyForm, put, title, scope=scope)


@needs("council.propose")
def propose(request: PersonRequest, what: str) -> HttpResponse:
    """Checkpoints, seats and the council's own rules."""
    found = PROPOSALS.get(what)
    if found is None:
        raise Absent
    title, form, service = found

    def put(data: Mapping[str, Any]) -> Motion:
        return service(request, dict(data))

    return asked(request, form, put, title)


@needs("council.propose")
def propose_rules(request: PersonRequest) -> HttpResponse:
    """The council's own rules: as they stand in the fields, to be changed there."""
    form = forms.RulesMotionForm(request.POST or None, initial=shown_rules())
    if request.method == "POST" and form.is_valid():
        try:
            made = proposals.propose_rules(
                actor=request.user,
                payload={"values": form.values()},
                rationale=form.cleaned_data["rationale"],
            )
        except Invalid as error:
            form.add_error(None, error.sentence)
        else:
            return told(request, f"{made.reference} is put to the council.", url_of(made))
    context = {
        "form": form,
        "title": "Propose other rules",
        "period_words": PERIOD_WORDS.values(),
        "periods": [
            (klass.label, [form[f"{klass}-{name}"] for name in PERIOD_WORDS])
            for klass in MotionClass
        ],
        "others": [form[name] for name in form.LAST],
    }
    status = 422 if form.errors else 200
    return render(request, "council/rules.html", context, status=status)


@needs("council.propose")
def propose_weights(request: PersonRequest) -> HttpResponse:
    """How much each dimension of readiness counts: as it stands in the fields."""
    form = forms.WeightsMotionForm(request.POST or None, initial=dict(in_force()))
    if request.method == "POST" and form.is_valid():
        try:
            made = proposals.propose_weights(
                actor=request.user,
                values=form.values(),
                rationale=form.cleaned_data["rationale"],
            )
        except Invalid as error:
            form.add_error(None, error.sentence)
        else:
            return told(request, f"{made.reference} is put to the council.", url_of(made))
    context = {"form": form, "title": "Propose other weights of readiness", "weights": True}
    status = 422 if form.errors else 200
    return render(request, "council/propose.html", context, status=status)


def put_checkpoint(request: PersonRequest, data: dict[str, Any]) -> Motion:
    return proposals.propose_checkpoint(actor=request.user, **data)


def put_draw(request: PersonRequest, data: dict[str, Any]) -> Motion:
    return proposals.propose_draw(actor=request.user, **data)


def put_seat(request: PersonRequest, data: dict[str, Any]) -> Motion:
    seat = {"user": data["user"].pk, "function": data["function"]}
    return proposals.propose_rules(
        actor=request.user, payload={"seat": seat}, rationale=data["rationale"]
    )


def shown_rules() -> dict[str, Any]:
    """The rules as they stand, by the names of the form's fields."""
    found = constitution()
    periods = {
        f"{klass}-{name}": days
        for klass, given in found.periods.items()
        for name, days in given.items()
    }
    return {
        **periods,
        "collapse": found.collapse,
        "guardians": list(found.guardians),
        "authority": found.authority,
    }


Proposal = tuple[str, type[Form], Callable[[PersonRequest, dict[str, Any]], Motion]]

PROPOSALS: dict[str, Proposal] = {
    "checkpoint": (
        "Propose another number of people at a checkpoint",
        forms.CheckpointMotionForm,
        put_checkpoint,
    ),
    "draw": ("Propose that a checkpoint may be drawn", forms.DrawMotionForm, put_draw),
    "seat": ("Propose a seat", forms.SeatMotionForm, put_seat),
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
