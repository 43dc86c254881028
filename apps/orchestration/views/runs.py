from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.middleware import told
from apps.common.paging import page
from apps.orchestration import queries, services
from apps.orchestration.forms import ReasonForm
from apps.orchestration.models import Run, Workflow
from apps.orchestration.states import RUN_MOVES, RunStatus
from apps.runtime import outside

FILTERS = ("status", "workflow", "agent", "search")


@needs("runs.view")
def runs(request: PersonRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in FILTERS}
    context = {
        "page": page(request, queries.runs(request.user, **filters), field="created_at"),
        "filters": filters,
        "statuses": RunStatus.choices,
        "workflows": Workflow.objects.order_by("title"),
    }
    return render(request, "orchestration/runs.html", context)


@needs("runs.view")
def run(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.run_numbered(request.user, number)
    operates = holds(request.user, "runs.operate")
    lines = queries.timeline(found)
    context = {
        "run": found,
        "lines": lines,
        "moves": possible(found) if operates else [],
        "operates": operates,
        "live": found.status in ("queued", "running", "compensating"),
        "progress": queries.undo_progress(lines) if found.status == "compensating" else None,
        "goes_on_at": queries.goes_on_at(found, lines),
        "may_audit": holds(request.user, "audit.view"),
    }
    return render(request, "orchestration/run.html", context)


VERBS = {
    "pause": ("Pause", "paused", services.pause_run),
    "continue": ("Continue", "running", services.continue_run),
    "cancel": ("Cancel", "cancelled", services.cancel_run),
    "roll-back": ("Roll back", "compensating", services.roll_back),
    "undo-again": ("Try to undo again", "compensating", services.retry_undo),
    "leave": ("Go on without", "compensating", services.leave_standing),
    "end": ("End as failed", "failed", services.end_stuck),
}
WHEN_STUCK = ("undo-again", "leave", "end")


def possible(run: Run) -> list[tuple[str, str]]:
    return [
        (verb, word)
        for verb, (word, to, _service) in VERBS.items()
        if to in RUN_MOVES[run.status]
        and (verb != "continue" or run.status == "paused")
        and (verb in WHEN_STUCK) == (run.status == "stuck")
    ]


@needs("runs.operate")
def change(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    """A page of its own: what will be undone and what cannot be, item by item, and the reason."""
    found = queries.run_numbered(request.user, number)
    word, _to, service = VERBS[verb]
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        service(actor=request.user, run=found, reason=form.cleaned_data["reason"])
        return told(request, f"{word}: recorded.", run_url(found))
    context = {
        "run": found,
        "verb": verb,
        "word": word,
        "form": form,
        "preview": queries.rollback_preview(found) if verb == "roll-back" else [],
        "why_stuck": queries.why_stuck(found) if verb in WHEN_STUCK else "",
    }
    status = 422 if form.errors else 200
    return render(request, "orchestration/change.html", context, status=status)


def run_url(run: Run) -> str:
    return reverse("orchestration:run", args=[run.number])


@needs("runs.view")
def attention(request: PersonRequest) -> HttpResponse:
    context = {
        "needed": queries.attention(request.user),
        "operates": holds(request.user, "runs.operate"),
        "silent_since": queries.silent_since(),
    }
    return render(request, "orchestration/attention.html", context)


@needs("runs.operate")
def mend(request: PersonRequest, pk: uuid.UUID, verb: str) -> HttpResponse:
    """Requeues a step that gave up, or says what became of one in doubt."""
    step = queries.step_of(request.user, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        if verb == "requeue":
            services.requeue_step(actor=request.user, step=step, reason=reason)
        else:
            services.resolve_in_doubt(
                actor=request.user, step=step, happened=verb == "happened", reason=reason
            )
        return told(request, "Recorded; the run goes on.", run_url(step.run))
    context = {
        "what": f"{step.run.reference} · {step.purpose or step.key}",
        "kind": "step",
        "row": step,
        "back": run_url(step.run),
        "words": MENDING[verb],
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "orchestration/mend.html", context, status=status)


MENDING = {
    "requeue": ("Try the step again", "The step gets a new set of attempts."),
    "happened": ("It did happen", "The step counts as done; it is not carried out again."),
    "not-happened": ("It did not happen", "The step is carried out from the start."),
}


@needs("runs.operate")
def settle(request: PersonRequest, pk: uuid.UUID, verb: str) -> HttpResponse:
    """Says what became of an outside agent's call whose end nobody knows."""
    action = queries.action_in_doubt(request.user, pk)
    form = ReasonForm(request.POST or None)
    back = reverse("orchestration:attention")
    if request.method == "POST" and form.is_valid():
        outside.settle_doubt(
            actor=request.user,
            action=action,
            happened=verb == "happened",
            reason=form.cleaned_data["reason"],
        )
        return told(request, "Recorded; the agent is told when it asks.", back)
    context = {
        "what": f"{action.agent} · {action.purpose or action.tool_name}",
        "kind": "action",
        "row": action,
        "back": back,
        "words": SETTLING[verb],
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "orchestration/mend.html", context, status=status)


SETTLING = {
    "happened": ("It did happen", "The action counts as done; it is not carried out again."),
    "not-happened": (
        "It did not happen",
        "The action counts as failed. The agent may ask for it anew, and is judged anew.",
    ),
}
