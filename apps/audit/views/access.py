from __future__ import annotations

import uuid

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.audit.queries import access as queries
from apps.audit.queries.scope import require_whole
from apps.audit.rules.review import WORDS
from apps.audit.services import review as services
from apps.common.inputs import DayInput
from apps.common.middleware import told

KINDS = {
    "role": "Role",
    "queue": "Queue",
    "seat": "Council",
    "delegation": "Stand-in",
    "grant": "Permission",
}


class ReviewForm(forms.Form):
    title = forms.CharField(max_length=120)
    due_on = forms.DateField(widget=DayInput(), label="Due on")


@needs("audit.view")
def access(request: PersonRequest) -> HttpResponse:
    require_whole(request.user)
    asked = {name: request.GET.get(name, "") for name in ("kind", "mark")}
    found = queries.rights(request.user)
    shown = [
        right
        for right in found
        if asked["kind"] in ("", right.kind) and asked["mark"] in ("", *right.marks)
    ]
    context = {
        "rights": shown,
        "all": len(found),
        "kinds": KINDS,
        "marks": [
            (mark, words, sum(mark in r.marks for r in found)) for mark, words in WORDS.items()
        ],
        "asked": asked,
        "rounds": queries.rounds(request.user),
        "may_review": holds(request.user, "access.review"),
        "form": ReviewForm(),
    }
    return render(request, "audit/access.html", context)


@needs("access.review")
@require_POST
def start(request: PersonRequest) -> HttpResponse:
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return render(request, "audit/start_review.html", {"form": form}, status=422)
    found = services.start_review(actor=request.user, **form.cleaned_data)
    to = reverse("audit:review", args=[found.number])
    return told(request, f"{found.reference} has begun.", to)


@needs("audit.view")
def review(request: PersonRequest, number: int) -> HttpResponse:
    require_whole(request.user)
    found = queries.round_numbered(request.user, number)
    items = queries.items(found)
    done = sum(bool(item.decision) for item in items)
    context = {
        "round": found,
        "items": items,
        "kinds": KINDS,
        "words": WORDS,
        "done": done,
        "all": len(items),
        "may_review": holds(request.user, "access.review") and found.closed_at is None,
    }
    return render(request, "audit/review.html", context)


@needs("access.review")
def decide(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    """A page of its own: what is asked, and the reason."""
    item = queries.item(request.user, pk)
    if request.method == "POST":
        done = services.decide(
            actor=request.user,
            item_id=pk,
            choice=request.POST.get("choice", ""),
            reason=request.POST.get("reason", ""),
        )
        to = reverse("audit:review", args=[item.round.number])
        return told(request, f"{done.holder}: {done.right}: {done.decision}.", to)
    context = {"item": item, "kinds": KINDS, "words": [WORDS[m] for m in item.marks if m in WORDS]}
    return render(request, "audit/decide_right.html", context)


@needs("access.review")
@require_POST
def close(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.round_numbered(request.user, number)
    services.close_review(actor=request.user, round_id=found.pk)
    to = reverse("audit:review", args=[number])
    return told(request, f"{found.reference} is closed; its result is on record.", to)
