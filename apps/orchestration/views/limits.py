from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Refused
from apps.common.middleware import told
from apps.orchestration import queries
from apps.orchestration.forms import (
    BreakerForm,
    BudgetForm,
    PrecedenceForm,
    RateForm,
    ReasonForm,
)
from apps.orchestration.services import set_precedence
from apps.runtime import services as runtime
from apps.runtime.models import Budget


@needs("runs.view")
def limits(request: PersonRequest) -> HttpResponse:
    context = {
        "limits": queries.limits(request.user, agent=request.GET.get("agent", "")),
        "may_set": holds(request.user, "limits.set"),
    }
    return render(request, "orchestration/limits.html", context)


@dataclass(frozen=True)
class KindOfLimit:
    title: str
    words: str
    button: str
    form: type[Form]
    service: Callable[..., Any]


KINDS = {
    "budget": KindOfLimit(
        "Set a budget",
        "It holds from the next action on; what the present window has seen counts. A run that has"
        " used its budget up is paused until the next window, or until a person lets it go on.",
        "Set the budget",
        BudgetForm,
        runtime.set_budget,
    ),
    "rate": KindOfLimit(
        "Set a rate",
        "How often an agent, a tool, or an agent with a tool may be called. Zero takes it away.",
        "Set the rate",
        RateForm,
        runtime.set_rate,
    ),
    "breaker": KindOfLimit(
        "Hold a breaker",
        "Held open, no agent can use the tool; held closed, failures no longer stop calls.",
        "Set the breaker",
        BreakerForm,
        runtime.force_circuit,
    ),
    "precedence": KindOfLimit(
        "Set whose work goes first",
        "Where two agents want the same, the higher rank goes first; who waits rises by one every"
        " ten minutes. At equal rank safety and compliance go before business.",
        "Set the rank",
        PrecedenceForm,
        set_precedence,
    ),
}


@needs("limits.set")
def set_limit(request: PersonRequest, kind: str) -> HttpResponse:
    what = KINDS[kind]
    form = what.form(request.POST or None, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        try:
            what.service(actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            return told(request, "The limit is set.", "orchestration:limits")
    context = {"what": what, "form": form}
    status = 422 if form.errors else 200
    return render(request, "orchestration/set_limit.html", context, status=status)


@needs("limits.set")
def lift(request: PersonRequest, pk: int) -> HttpResponse:
    """Takes a budget away, on a page of its own with the reason."""
    budget = get_object_or_404(Budget, pk=pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        runtime.lift_budget(actor=request.user, budget=budget, reason=form.cleaned_data["reason"])
        return told(request, "The budget is taken away.", "orchestration:limits")
    what = KindOfLimit(
        "Take a budget away",
        f"{budget}: from the next action on nothing limits this any more.",
        "Take it away",
        ReasonForm,
        runtime.lift_budget,
    )
    status = 422 if form.errors else 200
    context = {"what": what, "form": form, "danger": True}
    return render(request, "orchestration/set_limit.html", context, status=status)
