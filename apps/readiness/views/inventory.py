"""Processes and systems: what the organisation says of them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent, Invalid, NotPermitted, Refused
from apps.common.middleware import told
from apps.readiness import outline
from apps.readiness.forms import ProcessForm, SystemForm
from apps.readiness.models import Activity, Process, Rule, Source, System
from apps.readiness.queries import processes as queries
from apps.readiness.services import inventory
from apps.readiness.services.keepers import may_keep
from apps.readiness.states import RuleKind, Undo

MOST_BPMN = 5_000_000


def keeper(request: PersonRequest, slug: str) -> Process:
    """The process, for who may keep it; for others it is absent."""
    found = queries.process_named(request.user, slug)
    if not may_keep(request.user, found):
        raise Absent
    return found


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
        seen = request.POST.get("seen", "")
        try:
            inventory.change_process(
                actor=request.user, process=found,
                seen=int(seen) if seen.isdecimal() else None, **form.cleaned_data,
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
def steps(request: PersonRequest, slug: str) -> HttpResponse:
    """The documented process: an outline, or a BPMN file."""
    found = keeper(request, slug)
    text = outline.written(found.steps)
    problems: list[str] = []
    if request.method == "POST":
        try:
            if file := request.FILES.get("file"):
                if (file.size or 0) > MOST_BPMN:
                    raise Invalid("Too large.", fields={"file": ["At most 5 MB."]})
                inventory.import_bpmn(actor=request.user, process=found, data=file.read())
            else:
                text = request.POST.get("text", "")
                inventory.document_steps(actor=request.user, process=found, text=text)
        except Invalid as error:
            problems = [each for some in error.fields.values() for each in some]
        else:
            return told(
                request,
                "The documented process is kept.",
                reverse("readiness:process", args=[slug]),
            )
    context = {"process": found, "text": text, "problems": problems}
    return render(request, "readiness/steps.html", context, status=422 if problems else 200)


@needs("readiness.view")
def describe(request: PersonRequest, slug: str) -> HttpResponse:
    """What is known of each step, of tables and of rules; one form each, what fails is kept."""
    found = keeper(request, slug)
    problem, failed = "", ""
    if request.method == "POST":
        failed = request.POST.get("what", "")
        try:
            sentence = SAID[failed](request, found) if failed in SAID else ""
        except NotPermitted:
            raise
        except Refused as error:
            fields = error.fields if isinstance(error, Invalid) else {}
            problem = " ".join([error.sentence, *(s for some in fields.values() for s in some)])
        else:
            if not sentence:
                raise Absent
            return told(request, sentence, reverse("readiness:describe", args=[slug]))
    known = {each.name: each for each in found.activities.order_by("name")}
    seen = {*outline.names(found.steps), *names_seen(found), *known}
    context = {
        "process": found,
        "steps": [(name, known.get(name)) for name in sorted(seen)],
        "sources": found.sources.select_related("system", "owner").order_by("name"),
        "rules": found.rules.order_by("kind", "pk"),
        "systems": System.objects.order_by("name"),
        "people": User.objects.filter(is_active=True).order_by("display_name")[:500],
        "undos": Undo.choices,
        "kinds": [pair for pair in RuleKind.choices if pair[0] != "decision"],
        "checks": ", ".join(inventory.CHECKS),
        "problem": problem,
        "failed": failed,
        "typed": request.POST if problem else {},
    }
    return render(request, "readiness/describe.html", context, status=422 if problem else 200)


def names_seen(process: Process) -> list[str]:
    from apps.readiness.queries.assessments import newest

    row = newest(process)
    graph = (row.results.get("graph") if row else None) or {}
    return [step["activity"] for step in graph.get("steps", [])][:200]


def say_step(request: PersonRequest, process: Process) -> str:
    data = request.POST
    severity = data.get("severity", "")
    inventory.describe_step(
        actor=request.user, process=process, name=data.get("name", "").strip()[:200],
        severity=int(severity) if severity.isdecimal() else -1, undo=data.get("undo", ""),
        undo_how=data.get("undo_how", ""), guarded=bool(data.get("guarded")),
        undo_tested_on=day_in(data.get("undo_tested_on", "")),
    )  # fmt: skip
    return "The step is described."


def day_in(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:  # a day that no month has
        return None


def say_source(request: PersonRequest, process: Process) -> str:
    data = request.POST
    try:
        rules = json.loads(data.get("rules", "") or "[]")
    except json.JSONDecodeError as error:
        raise Invalid(f"The rules are no JSON: line {error.lineno}, {error.msg}.") from None
    if not isinstance(rules, list) or not data.get("name", "").strip():
        raise Invalid("Give the source a name, and its rules as a JSON list.")
    system = System.objects.filter(name=data.get("system", "")).first()
    owner = data.get("owner", "")
    inventory.save_source(
        actor=request.user, process=process, name=data.get("name", "").strip()[:120],
        rules=rules, system=system,
        owner=User.objects.filter(pk=int(owner)).first() if owner.isdecimal() else None,
    )  # fmt: skip
    return "The source is described."


def say_rule(request: PersonRequest, process: Process) -> str:
    data = request.POST
    body = {"first": data.get("first", "").strip(), "second": data.get("second", "").strip()}
    inventory.state_rule(actor=request.user, process=process, kind=data.get("kind", ""), body=body)
    return "The rule is stated."


def say_decision(request: PersonRequest, process: Process) -> str:
    """One condition: field, test, value; a number is taken as a number."""
    data = request.POST
    text = data.get("value", "").strip()
    try:
        value: float | str = float(text)
    except ValueError:
        value = text
    condition = {
        "field": data.get("field", "").strip(), "test": data.get("test", ""), "value": value,
    }  # fmt: skip
    body = {name: data.get(name, "").strip() for name in ("at", "then", "otherwise")}
    whole = bool(condition["field"] and condition["test"] and text)
    inventory.state_rule(
        actor=request.user, process=process, kind="decision",
        body={**body, "when": [condition] if whole else []},
    )  # fmt: skip
    return "The rule is stated."


def say_removal(request: PersonRequest, process: Process) -> str:
    kinds: dict[str, type[Activity | Source | Rule]] = {
        "step": Activity, "source": Source, "rule": Rule,
    }  # fmt: skip
    kind, key = kinds.get(request.POST.get("kind", "")), request.POST.get("row", "")
    if kind is None or not key.isdecimal():
        raise Absent
    row = kind.objects.filter(pk=key, process=process).first()
    if row is None:
        raise Absent
    inventory.remove(actor=request.user, row=row)
    return "It is taken away; its history stays."


SAID = {
    "step": say_step, "source": say_source, "rule": say_rule, "decision": say_decision,
    "remove": say_removal,
}  # fmt: skip


@needs("readiness.view")
def systems(request: PersonRequest) -> HttpResponse:
    context = {
        "systems": queries.systems(request.user),
        "keeps": holds(request.user, "readiness.manage"),
    }
    return render(request, "readiness/systems.html", context)


@needs("readiness.manage")
def edit_system(request: PersonRequest, pk: int | None = None) -> HttpResponse:
    found = get_object_or_404(System, pk=pk) if pk else None
    form = SystemForm(request.POST or None, system=found)
    if request.method == "POST" and form.is_valid():
        try:
            inventory.save_system(actor=request.user, system=found, **form.cleaned_data)
        except Refused as error:
            complain(form, error)
        else:
            return redirect("readiness:systems")
    context = {
        "form": form,
        "title": found.name if found else "New system",
        "back": reverse("readiness:systems"),
    }
    return render(request, "readiness/edit.html", context, status=422 if form.errors else 200)
