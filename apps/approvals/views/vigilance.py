"""The vigilance programme, one's own figures, reveals, and blind second looks."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.approvals import queries, services
from apps.approvals.forms import SeedTemplateForm
from apps.approvals.models import Seed, SeedTemplate
from apps.common import diffing
from apps.common.errors import Absent, Refused


def my_vigilance(request: PersonRequest) -> HttpResponse:
    """A person's own figures: nobody else has a page that shows them."""
    if not queries.own_queue_ids(request.user):
        raise Http404
    context = {
        "own": queries.vigilance_of(request.user),
        "programme": queries.programme(),
        "trained": sorted(queries.trained_for(request.user)),
        "required": queries.training_required(),
    }
    return render(request, "approvals/my_vigilance.html", context)


def reveal(request: PersonRequest, number: int) -> HttpResponse:
    """What was planted, at once after the answer."""
    found = queries.reveal_of(request.user, number)
    before, after = found.seed.source.evidence, found.seed.evidence
    context = {
        "exposure": found,
        "changes": diffing.changed_fields(facts_in(before), facts_in(after)),
        "following": queries.next_after(request.user, found.request),
    }
    return render(request, "approvals/reveal.html", context)


def facts_in(evidence: dict[str, object]) -> dict[str, object]:
    """What a person can compare: arguments, what would happen, facts, and texts that were read."""
    found: dict[str, object] = {}
    will = evidence.get("will_happen")
    for part in (evidence.get("arguments"), will.get("after") if isinstance(will, dict) else None):
        found.update(part if isinstance(part, dict) else {})
    facts = evidence.get("facts")
    for name, fact in facts.items() if isinstance(facts, dict) else ():
        found[name] = fact.get("value") if isinstance(fact, dict) else fact
    used = evidence.get("used")
    for number, each in enumerate(used if isinstance(used, list) else (), 1):
        if isinstance(each, dict) and each.get("excerpt"):
            found[f"text {number}"] = each["excerpt"]
    return found


@needs("vigilance.manage")
def programme(request: PersonRequest) -> HttpResponse:
    if request.method == "POST":
        try:
            row = services.switch_programme(
                actor=request.user,
                on=request.POST.get("on") == "yes",
                reason=request.POST.get("reason", ""),
            )
            messages.success(request, f"The programme is {'on' if row.on else 'off'}.")
        except Refused as error:
            messages.error(request, error.sentence)
        return redirect("approvals:vigilance")
    context = {
        "programme": queries.programme(),
        "queues": queries.vigilance_by_queue(),
        "wanted": queries.WANTED_PER_QUARTER,
        "templates": queries.templates_with_counts(),
        "drafted": queries.seeds_listed("drafted"),
    }
    return render(request, "approvals/vigilance.html", context)


@needs("vigilance.manage")
def template(request: PersonRequest) -> HttpResponse:
    form = SeedTemplateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.save_template(actor=request.user, **form.cleaned_data)
        except Refused as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, f"Saved: {made.title}")
            return redirect("approvals:vigilance")
    status = 422 if form.errors else 200
    return render(request, "approvals/seed_template.html", {"form": form}, status=status)


@require_POST
@needs("vigilance.manage")
def make_seeds(request: PersonRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(SeedTemplate, pk=pk)
    try:
        made = services.make_seeds(actor=request.user, template=found)
        messages.success(request, f"{len(made)} items wait for a second person.")
    except Refused as error:
        messages.error(request, error.sentence)
    return redirect("approvals:vigilance")


@needs("vigilance.manage")
def seed(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    """One item for its reviewer: what it was, and what was planted."""
    row = queries.seed_one(pk)
    if request.method == "POST":
        try:
            review(request, row)
            return redirect("approvals:vigilance")
        except Refused as error:
            messages.error(request, error.sentence)
            row = queries.seed_one(pk)
    context = {
        "seed": row,
        "changes": diffing.changed_fields(facts_in(row.source.evidence), facts_in(row.evidence)),
        "own": row.made_by_id == request.user.pk,
    }
    return render(request, "approvals/seed.html", context)


def review(request: PersonRequest, row: Seed) -> None:
    note = request.POST.get("note", "")
    if request.POST.get("act") == "retire":
        services.retire_seed(actor=request.user, seed=row, reason=note)
        messages.success(request, "Retired.")
        return
    use = request.POST.get("act") == "use"
    services.review_seed(actor=request.user, seed=row, use=use, note=note)
    messages.success(request, "In use." if use else "Not used.")


def second_looks(request: PersonRequest) -> HttpResponse:
    if not queries.own_queue_ids(request.user):
        raise Http404
    rows = queries.second_looks_for(request.user)[:50]
    return render(request, "approvals/second_looks.html", {"rows": rows})


def second_look(request: PersonRequest, number: int) -> HttpResponse:
    """The item as it was, without what became of it."""
    rows = queries.second_looks_for(request.user).filter(request__number=number)
    found = rows.first() if holds(request.user, "approvals.decide") else None
    if found is None:
        raise Absent
    item = found.request
    if request.method == "POST":
        try:
            taken = services.take_second_look(
                actor=request.user, request=item, choice=request.POST.get("choice", "")
            )
            words = "as the first person did" if taken.agrees else "otherwise than the first person"
            messages.success(request, f"{item.reference}: you judged {words}.")
            return redirect("approvals:second-looks")
        except Refused as error:
            messages.error(request, error.sentence)
    will = item.evidence.get("will_happen", {})
    context = {
        "item": item,
        "changes": diffing.changed_fields(will.get("before", {}), will.get("after", {})),
        "facts": queries.facts_of(item),
    }
    return render(request, "approvals/second_look.html", context)
