"""Processes and systems: what the organisation says of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Absent, Invalid, Refused
from apps.common.middleware import told
from apps.readiness.forms import ProcessForm, SystemForm
from apps.readiness.models import Process, System
from apps.readiness.queries import processes as queries
from apps.readiness.services import inventory
from apps.readiness.services.keepers import may_keep

MOST_BPMN = 5_000_000


def keeper(request: PersonRequest, slug: str) -> Process:
    """The process, for who may keep it; for others it is absent."""
    found = queries.process_named(request.user, slug)
    if not may_keep(request.user, found):
        raise Absent
    return found


def seen_in(request: PersonRequest) -> int | None:
    """The version that the person had before them, as the form says."""
    text = request.POST.get("seen", "")
    return int(text) if text.isdecimal() else None


def complain(form: Any, error: Refused) -> None:
    fields = error.fields if isinstance(error, Invalid) else {}
    for name, sentences in fields.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, sentence)
    if not fields:
        form.add_error(None, error.sentence)


@needs("readiness.manage")
def new_process(request: PersonRequest) -> HttpResponse:
    form = ProcessForm(request.POST or None, process=None, limited=False)
    if request.method == "POST" and form.is_valid():
        try:
            made = inventory.register_process(actor=request.user, **form.cleaned_data)
        except Refused as error:
            complain(form, error)
        else:
            return told(
                request,
                f"{made.name} is in the inventory.",
                reverse("readiness:process", args=[made.slug]),
            )
    status = 422 if form.errors else 200
    context = {"form": form, "title": "New process", "back": reverse("readiness:portfolio")}
    return render(request, "readiness/edit.html", context, status=status)


@needs("readiness.view")
def edit_process(request: PersonRequest, slug: str) -> HttpResponse:
    found = keeper(request, slug)
    limited = not may_keep(request.user)
    form = ProcessForm(request.POST or None, process=found, limited=limited)
    if request.method == "POST" and form.is_valid():
        try:
            inventory.change_process(
                actor=request.user, process=found,
                seen=seen_in(request), **form.cleaned_data,
            )  # fmt: skip
        except Refused as error:
            complain(form, error)
        else:
            return told(request, "It is changed.", reverse("readiness:process", args=[slug]))
    context = {
        "form": form,
        "title": found.name,
        "seen": inventory.version_of(found),
        "back": reverse("readiness:process", args=[slug]),
    }
    return render(request, "readiness/edit.html", context, status=422 if form.errors else 200)


@needs("readiness.view")
def systems(request: PersonRequest) -> HttpResponse:
    used = queries.users_of_systems()
    context = {
        "systems": [(row, used.get(row.name, [])) for row in queries.systems(request.user)],
        "keeps": holds(request.user, "readiness.manage"),
    }
    return render(request, "readiness/systems.html", context)


@needs("readiness.manage")
def edit_system(request: PersonRequest, pk: int | None = None) -> HttpResponse:
    found = get_object_or_404(System, pk=pk) if pk else None
    form = SystemForm(request.POST or None, system=found)
    if request.method == "POST" and form.is_valid():
        try:
            inventory.save_system(
                actor=request.user, system=found, seen=seen_in(request), **form.cleaned_data
            )
        except Refused as error:
            complain(form, error)
        else:
            return redirect("readiness:systems")
    context = {
        "form": form,
        "title": found.name if found else "New system",
        "seen": inventory.version_of(found) if found else "",
        "back": reverse("readiness:systems"),
    }
    return render(request, "readiness/edit.html", context, status=422 if form.errors else 200)
