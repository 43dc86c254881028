"""Items answered together."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from apps.access.guards import PersonRequest
from apps.approvals import queries, services
from apps.approvals.states import Choice
from apps.common.errors import Invalid


def bulk(request: PersonRequest) -> HttpResponse:
    """Items of the same action and rule, answered together with one reason."""
    if not queries.queue_ids(request.user):
        raise Http404
    tool, rule = request.GET.get("tool", ""), request.GET.get("rule", "")
    typed: dict[str, Any] = {}
    results: list[services.Answered] = []
    problem = ""
    if request.method == "POST":
        tool, rule = request.POST.get("tool", ""), request.POST.get("rule", "")
        typed = {
            "choice": request.POST.get("choice", ""),
            "reason": request.POST.get("reason", ""),
            "code": request.POST.get("code", ""),
            "chosen": request.POST.getlist("item"),
        }
        try:
            results = services.vote_many(
                actor=request.user,
                items=chosen_items(typed["chosen"]),
                choice=typed["choice"],
                reason=typed["reason"],
                code=typed["code"],
            )
            typed = {}
        except Invalid as error:
            problem = error.sentence
    rows = queries.in_group(request.user, tool, rule)
    context = {
        "groups": queries.bulk_groups(request.user),
        "rows": rows,
        "looked": queries.looks_of(request.user, rows),
        "tool": tool,
        "rule": rule,
        "choices": Choice.choices,
        "reasons": queries.reasons(),
        "bulk_id": bulk_of(results),
        "typed": typed,
        "results": results,
        "problem": problem,
    }
    return render(request, "approvals/bulk.html", context, status=422 if problem else 200)


def bulk_of(results: list[services.Answered]) -> uuid.UUID | None:
    """By which the approvals just made can be taken back together."""
    for result in results:
        if result.done and result.request.status == "approved":
            vote = result.request.votes.exclude(bulk_id=None).order_by("-cast_at").first()
            return vote.bulk_id if vote else None
    return None


def chosen_items(values: list[str]) -> list[tuple[uuid.UUID, str]]:
    """`<request>:<digest>` as the page wrote them."""
    found = []
    for value in values:
        key, _, digest = value.partition(":")
        try:
            found.append((uuid.UUID(key), digest))
        except ValueError:
            raise Invalid("Choose items from the list.") from None
    return found
