"""Groups of signals, and runs of agents elsewhere."""

from __future__ import annotations

import datetime as dt
import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Absent, Invalid, Refused
from apps.common.middleware import told
from apps.common.paging import page
from apps.incidents import queries
from apps.incidents.imports import MOST_BYTES
from apps.incidents.models import Group
from apps.incidents.rules import SOURCES
from apps.incidents.services import importing, signals
from apps.incidents.views.acts import key, number


@needs("incidents.view")
def groups(request: PersonRequest) -> HttpResponse:
    show_ = request.GET.get("show", "open")
    found = page(request, queries.groups(request.user, only=show_), field="last_at")
    context = {
        "page": found,
        "rows": [(row, SOURCES[row.source].words) for row in found.rows],
        "show": show_,
        "commands": holds(request.user, "incidents.command"),
    }
    return render(request, "incidents/groups.html", context)


@needs("incidents.view")
def group(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    """One group: its pattern, its signals, what was put into it; merged and taken apart here."""
    return show(request, queries.group_with(request.user, pk))


def show(request: PersonRequest, found: Group, problem: str = "") -> HttpResponse:
    rows = Group.objects.filter(is_open=True, incident__isnull=True).exclude(pk=found.pk)
    same = [
        row for row in rows.select_related("template").order_by("-last_at")[:200]
        if not signals.merge_problem(row, found)
    ]  # fmt: skip
    context = {
        "group": found,
        "words": SOURCES[found.source].words,
        "signals": found.signals.order_by("-at")[:50],
        "runs": queries.runs_in(request.user, found),
        "rules": found.rules.filter(ended_at=None).select_related("group__template"),
        "others": [(row, SOURCES[row.source].words) for row in same],
        "commands": holds(request.user, "incidents.command"),
        "may_audit": holds(request.user, "audit.view"),
        "problem": problem,
        "typed": request.POST,
    }
    return render(request, "incidents/group.html", context, status=409 if problem else 200)


@needs("incidents.command")
@require_POST
def merge(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.group_with(request.user, pk)
    try:
        other = queries.group_with(request.user, key(request.POST.get("group", "")))
        signals.merge(
            actor=request.user, group=other, into=found, reason=request.POST.get("reason", "")
        )
    except Absent:
        return show(request, found, "Choose a group.")
    except Refused as error:
        return show(request, found, error.sentence)
    return told(request, "Put together.", reverse("incidents:group", args=[found.pk]))


@needs("incidents.command")
@require_POST
def split(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.group_with(request.user, pk)
    try:
        signals.split(
            actor=request.user, rule_id=key(request.POST.get("rule", "")),
            reason=request.POST.get("reason", ""),
        )  # fmt: skip
    except Refused as error:
        return show(request, found, error.sentence)
    return told(request, "Taken apart again.", reverse("incidents:group", args=[found.pk]))


@needs("incidents.view")
def imports(request: PersonRequest) -> HttpResponse:
    """Runs of agents elsewhere: brought in from a file, and listed by file."""
    problem: list[str] = []
    commands = holds(request.user, "incidents.command")
    if request.method == "POST" and not commands:
        raise Absent
    if request.method == "POST":
        upload = request.FILES.get("file")
        try:
            batch = importing.import_runs(
                actor=request.user,
                data=upload.read(MOST_BYTES + 1) if upload else b"",
                source=request.POST.get("source", ""),
            )
        except Refused as error:
            fields = error.fields if isinstance(error, Invalid) else {}
            problem = [error.sentence, *(each for row in fields.values() for each in row)]
        else:
            return told(request, "Brought in.", reverse("incidents:batch", args=[batch]))
    context = {
        "batches": queries.batches(request.user),
        "commands": commands,
        "problem": problem,
        "typed": request.POST,
    }
    return render(request, "incidents/imports.html", context, status=422 if problem else 200)


@needs("incidents.view")
def batch(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = queries.batch(request.user, pk)
    return render(request, "incidents/batch.html", {"batch": found})


@needs("incidents.view")
def imported_run(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    return render(request, "incidents/imported.html", {"run": queries.run_of(request.user, pk)})


@needs("incidents.command")
def snooze(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Group.objects.select_related("template"), pk=pk)
    problem = ""
    if request.method == "POST":
        days = number(request.POST, "days")
        try:
            signals.snooze(
                actor=request.user, group_id=found.pk,
                until=timezone.now() + dt.timedelta(days=days),
                reason=request.POST.get("reason", ""),
            )  # fmt: skip
        except Refused as error:
            problem = error.sentence
        else:
            return redirect("incidents:groups")
    context = {"group": found, "words": SOURCES[found.source].words, "problem": problem,
               "typed": request.POST}  # fmt: skip
    return render(request, "incidents/snooze.html", context, status=422 if problem else 200)
