"""What else can be done with a request: take back, edit, ask back, open again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest
from apps.approvals import queries, services
from apps.approvals.forms import AskForm, CallForm
from apps.approvals.models import ApprovalRequest
from apps.approvals.views.items import go_on
from apps.common import diffing
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted, Refused
from apps.registry.models import Tool


@require_POST
def undo(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    try:
        opened = services.undo(actor=request.user, request_id=found.pk)
    except Conflict as error:
        messages.error(request, error.sentence)
        return redirect("approvals:request", number)
    messages.success(
        request, f"{found.reference} is taken back; the question is open again as "
        f"{opened.reference}."
    )  # fmt: skip
    return redirect("approvals:request", opened.number)


@require_POST
def undo_together(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    if not queries.queue_ids(request.user):
        raise Absent
    opened, late = services.undo_many(actor=request.user, bulk_id=pk)
    words = f"{len(opened)} taken back and open again."
    messages.success(request, words + f" For {late} it was too late." * bool(late))
    return redirect("approvals:inbox")


@require_POST
def reopen(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    try:
        services.reopen(
            actor=request.user, request_id=found.pk, reason=request.POST.get("reason", "")
        )
    except Refused as error:
        messages.error(request, error.sentence)
    else:
        messages.success(
            request, f"{found.reference} goes to the gate again; a new request follows, if there "
            "is still something to ask."
        )  # fmt: skip
    return redirect("approvals:request", number)


def edit(request: PersonRequest, number: int) -> HttpResponse:
    """The call as a form of its tool; another tool by choice. Nothing is kept before Record."""
    found = queries.request_numbered(request.user, number)
    if queries.why_not(request.user, found):
        raise Absent
    tools = queries.tools_of(found)
    name = request.POST.get("tool") or request.GET.get("tool") or found.tool
    tool = next((row for row in tools if row.name == name), None)
    if tool is None:
        raise Absent
    before = found.evidence.get("arguments", {})
    form = CallForm(request.POST or None, schema=tool.input_schema, current=before, label_suffix="")
    context: dict[str, Any] = {"item": found, "form": form, "tool": tool, "tools": tools}
    status = 200
    if request.method == "POST":
        valid = form.is_valid()
        if valid:
            context["changes"] = diffing.changed_fields(before, form.arguments())
            context["previewed"] = True
        if valid and request.POST.get("step") == "record":
            answer = record_edit(request, found, tool, form)
            if answer is not None:
                return answer
        status = 422 if form.errors else 200
    return render(request, "approvals/edit.html", context, status=status)


def record_edit(
    request: PersonRequest, found: ApprovalRequest, tool: Tool, form: CallForm
) -> HttpResponse | None:
    """None when the form has to be shown again, with what was wrong."""
    try:
        services.edit(
            actor=request.user,
            request_id=found.pk,
            tool=tool.name,
            arguments=form.arguments(),
            reason=form.cleaned_data["reason"],
            digest=request.POST.get("digest", ""),
        )
    except Invalid as error:
        form.add_refusal(error.fields, error.sentence)
        return None
    except (Conflict, NotPermitted) as error:
        form.add_refusal({}, error.sentence)
        return None
    if not found.is_seed:
        messages.success(
            request,
            f"{found.reference}: your edit is with the gate, which judges it as a new action.",
        )
    return go_on(request, found)


def ask_back(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.request_numbered(request.user, number)
    if queries.why_not(request.user, found):
        raise Absent
    people = queries.people_to_ask(request.user, found)
    form = AskForm(
        request.POST or None,
        people=people,
        initial={"asked": found.agent.owner_id},
        label_suffix="",
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.ask_back(actor=request.user, request_id=found.pk, **form.cleaned_data)
        except Refused as error:
            form.add_error(None, error.sentence)
        else:
            if found.is_seed:
                return go_on(request, found)
            asked = form.cleaned_data["asked"]
            messages.success(
                request, f"{asked} is asked. {found.reference} is parked until then; its clock "
                "goes on."
            )  # fmt: skip
            return redirect("approvals:inbox")
    context = {"item": found, "form": form}
    return render(request, "approvals/ask_back.html", context, status=422 if form.errors else 200)


def question(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    """A question that an approver put back, for the person who is asked."""
    found = queries.question_for(request.user, pk)
    problem, typed = "", request.POST.get("answer", "")
    if request.method == "POST":
        try:
            services.answer_question(actor=request.user, question_id=pk, answer=typed)
        except Refused as error:
            problem = error.sentence
        else:
            messages.success(request, "Your answer is with the approvers.")
            return redirect(reverse("approvals:question", args=[pk]))
    context = {
        "question": found,
        "item": found.request,
        "mine": found.asked_id == request.user.pk,
        "problem": problem,
        "typed": typed,
    }
    return render(request, "approvals/question.html", context, status=422 if problem else 200)
