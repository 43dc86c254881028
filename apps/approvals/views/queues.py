"""Queues: their people, clock, chain, lead and checkpoints; and the list of reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.approvals import queries, services
from apps.approvals.forms import (
    CalendarForm,
    CheckpointForm,
    EntrustForm,
    NoteForm,
    QueueForm,
    ReasonCodeForm,
    TimingForm,
)
from apps.approvals.models import Calendar, Checkpoint, ReasonCode
from apps.common.errors import Absent, Invalid, Refused


def attempt(form: Form, act: Callable[[], Any]) -> bool:
    """Does it, or puts the refusal where it belongs on the form."""
    try:
        act()
    except Invalid as error:
        for field, sentences in error.fields.items():
            form.add_error(field if field in form.fields else None, list(sentences))
        if not error.fields:
            form.add_error(None, error.sentence)
    except Refused as error:
        form.add_error(None, error.sentence)
    return not form.errors


def one_form(
    request: PersonRequest, form: Form, title: str, button: str, back: str, words: str = ""
) -> HttpResponse:
    context = {"form": form, "title": title, "button": button, "back": back, "words": words}
    status = 422 if form.errors else 200
    return render(request, "approvals/one_form.html", context, status=status)


def queues(request: PersonRequest) -> HttpResponse:
    rows = list(queries.queues_seen_by(request.user))
    may = holds(request.user, "queues.manage")
    if not rows and not may:
        raise Absent
    calendars = Calendar.objects.order_by("name")
    context = {"queues": rows, "may": may, "calendars": calendars}
    return render(request, "approvals/queues.html", context)


def queue(request: PersonRequest, slug: str) -> HttpResponse:
    """A queue: who is in it, when its clock runs, whom it escalates to, what it is asked for."""
    found = queries.queue_named(request.user, slug)
    mine = found.pk in queries.queue_ids(request.user)
    form = NoteForm(request.POST or None, label_suffix="")
    if request.method == "POST":
        if not mine:
            raise Absent
        if form.is_valid() and attempt(
            form,
            lambda: services.hand_over(actor=request.user, queue=found, **form.cleaned_data),
        ):
            messages.success(request, "The next shift will see it; what you held is put back.")
            return redirect("approvals:queue", slug)
    context = {
        "queue": found,
        "people": queries.people_in(found),
        "chain": queries.levels_above(found),
        "checkpoints": queries.checkpoints_of(found),
        "notes": found.handovers.select_related("author").order_by("-at")[:5],
        "may": holds(request.user, "queues.manage"),
        "mine": mine,
        "form": form,
        "entrust": EntrustForm(label_suffix=""),
    }
    return render(request, "approvals/queue.html", context, status=422 if form.errors else 200)


@needs("queues.manage")
def new_queue(request: PersonRequest) -> HttpResponse:
    form = QueueForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        slug = slugify(form.cleaned_data["name"])[:50]

        def make() -> None:
            made = services.create_queue(
                actor=request.user, slug=slug, name=form.cleaned_data["name"]
            )
            services.change_queue(actor=request.user, queue=made, **form.cleaned_data)

        if attempt(form, make):
            messages.success(request, "The queue is made. Entrust it to people next.")
            return redirect("approvals:queue", slug)
    return one_form(request, form, "A new queue", "Make the queue", "approvals:queues")


@needs("queues.manage")
def change_queue(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.queue_named(request.user, slug)
    kept = ("name", "purpose", "escalates_to", "lead", "calendar")
    initial = {name: getattr(found, name) for name in kept}
    form = QueueForm(request.POST or None, queue=found, initial=initial, label_suffix="")
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(
            form,
            lambda: services.change_queue(actor=request.user, queue=found, **form.cleaned_data),
        )
    ):
        messages.success(request, "Saved. What waits keeps the chain and clock it was put under.")
        return redirect("approvals:queue", slug)
    return one_form(request, form, f"Change {found.name}", "Save", "approvals:queues")


@needs("queues.manage")
@require_POST
def entrust(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.queue_named(request.user, slug)
    form = EntrustForm(request.POST)
    if form.is_valid() and attempt(
        form,
        lambda: services.entrust(actor=request.user, queue=found, **form.cleaned_data),
    ):
        messages.success(request, f"{form.cleaned_data['user']} decides in {found.name} now.")
    else:
        sentences = [str(sentence) for errors in form.errors.values() for sentence in errors]
        messages.error(request, " ".join(sentences))
    return redirect("approvals:queue", slug)


@needs("queues.manage")
@require_POST
def withdraw(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    found = queries.queue_named(request.user, slug)
    person = get_object_or_404(User, pk=pk)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, "Say why the right is taken.")
    else:
        services.withdraw_trust(actor=request.user, queue=found, user=person, reason=reason)
        messages.success(request, f"{person} decides in {found.name} no more.")
    return redirect("approvals:queue", slug)


@needs("queues.manage")
@require_POST
def renew_deadlines(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.queue_named(request.user, slug)
    try:
        number = services.renew_deadlines(
            actor=request.user, queue=found, reason=request.POST.get("reason", "")
        )
        messages.success(request, f"The deadlines of {number} requests were computed anew.")
    except Refused as error:
        messages.error(request, error.sentence)
    return redirect("approvals:queue", slug)


@needs("queues.manage")
def new_checkpoint(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.queue_named(request.user, slug)
    initial = {"respond_minutes": 60, "decide_minutes": 240, "reason": "New"}
    form = CheckpointForm(request.POST or None, initial=initial, label_suffix="")
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(
            form,
            lambda: services.create_checkpoint(
                actor=request.user,
                queue=found,
                slug=form.cleaned_data["slug"],
                title=form.cleaned_data["title"],
                approvers=form.cleaned_data["approvers"],
                **form.values(),
            ),
        )
    ):
        messages.success(request, "Policies can name it now.")
        return redirect("approvals:queue", slug)
    title = f"A checkpoint of {found.name}"
    words = "It asks a person every time; fewer looks come by the council's motion alone."
    return one_form(request, form, title, "Make the checkpoint", "approvals:queues", words)


@needs("queues.manage")
def timing(request: PersonRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Checkpoint.objects.select_related("queue"), slug=slug)
    initial = {
        "respond_minutes": found.respond_within // 60,
        "decide_minutes": found.decide_within // 60,
        "on_timeout": found.on_timeout,
        "fallback": found.fallback,
    }
    form = TimingForm(request.POST or None, initial=initial, label_suffix="")
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(
            form,
            lambda: services.set_timing(
                actor=request.user,
                checkpoint=found,
                reason=form.cleaned_data["reason"],
                **form.values(),
            ),
        )
    ):
        messages.success(request, "Saved, for questions that are put from now on.")
        return redirect("approvals:queue", found.queue.slug)
    words = "How many people it asks is the council's to change."
    return one_form(request, form, f"Clocks of {found.title}", "Save", "approvals:queues", words)


@needs("queues.manage")
def calendar(request: PersonRequest, slug: str = "") -> HttpResponse:
    """A new calendar, or one that is changed."""
    found = get_object_or_404(Calendar, slug=slug) if slug else None
    initial = (
        {"name": found.name, "zone": found.zone, "days_off": "\n".join(found.days_off)}
        if found
        else {"zone": request.user.time_zone or "UTC"}
    )
    form = CalendarForm(
        request.POST or None,
        hours=found.hours if found else None,
        initial=initial,
        label_suffix="",
    )
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(
            form,
            lambda: services.save_calendar(
                actor=request.user,
                slug=slug or slugify(form.cleaned_data["name"])[:50],
                name=form.cleaned_data["name"],
                zone=form.cleaned_data["zone"],
                hours=form.hours(),
                days_off=form.days(),
                reason=form.cleaned_data["reason"],
            ),
        )
    ):
        messages.success(request, "Saved, for questions that are put from now on.")
        return redirect("approvals:queues")
    title = f"Business hours: {found.name}" if found else "New business hours"
    return one_form(request, form, title, "Save", "approvals:queues")


@needs("queues.manage")
def reasons(request: PersonRequest) -> HttpResponse:
    form = ReasonCodeForm(request.POST or None, label_suffix="")
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: services.save_reason(actor=request.user, **form.cleaned_data))
    ):
        messages.success(request, "On the list.")
        return redirect("approvals:reasons")
    context = {"reasons": queries.reasons(), "form": form}
    return render(request, "approvals/reasons.html", context, status=422 if form.errors else 200)


@needs("queues.manage")
@require_POST
def retire_reason(request: PersonRequest, pk: int) -> HttpResponse:
    services.retire_reason(actor=request.user, reason=get_object_or_404(ReasonCode, pk=pk))
    return redirect("approvals:reasons")
