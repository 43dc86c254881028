"""The questionnaire: answered, and countersigned by another."""

from __future__ import annotations

from itertools import groupby

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Refused
from apps.readiness import questions
from apps.readiness.queries import processes as queries
from apps.readiness.queries.assessments import newest
from apps.readiness.services import interviews
from apps.readiness.states import InterviewStatus
from apps.readiness.views.inventory import keeper


@needs("readiness.view")
def answer(request: PersonRequest, slug: str) -> HttpResponse:
    found = keeper(request, slug)
    typed = request.POST
    given = {key: int(typed[key]) for key in questions.KEYS if typed.get(key, "").isdecimal()}
    problem, wrong = "", {}
    if request.method == "POST":
        remarks = {key: typed.get(f"remark-{key}", "") for key in questions.KEYS}
        try:
            row = interviews.answer(
                actor=request.user, process=found, answers=given, remarks=remarks
            )
        except Refused as error:
            problem, wrong = error.sentence, questions.problems(given)
        else:
            return redirect("readiness:interview", row.number)
    parts = [
        (
            name,
            [
                (each, given.get(each.key), typed.get(f"remark-{each.key}", ""), each.key in wrong)
                for each in some
            ],
        )
        for name, some in groupby(questions.QUESTIONS, key=lambda each: each.dimension)
    ]
    context = {"process": found, "parts": parts, "problem": problem}
    return render(request, "readiness/answer.html", context, status=422 if problem else 200)


@needs("readiness.view")
def interview(request: PersonRequest, number: int) -> HttpResponse:
    return show(request, number)


def show(request: PersonRequest, number: int, problem: str = "") -> HttpResponse:
    """What was answered, beside what was measured, so that the second person has more to go by
    than the words."""
    found = queries.interview_numbered(request.user, number)
    row = newest(found.process)
    measured = {each["name"]: each for each in row.dimensions} if row else {}
    values = questions.values(found.answers)
    parts = [
        (
            name,
            values.get(name),
            measured.get(name),
            [(each, each.answers[found.answers[each.key]], found.remarks.get(each.key, ""))
             for each in some if each.key in found.answers],
        )
        for name, some in groupby(questions.QUESTIONS, key=lambda each: each.dimension)
    ]  # fmt: skip
    waits = found.status == InterviewStatus.ANSWERED
    context = {
        "interview": found,
        "process": found.process,
        "parts": parts,
        "judges": waits
        and holds(request.user, "readiness.accept")
        and found.answered_by_id != request.user.pk,
        "waits": waits,
        "problem": problem,
    }
    return render(request, "readiness/interview.html", context, status=409 if problem else 200)


@needs("readiness.accept")
@require_POST
def judge(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.interview_numbered(request.user, number)
    try:
        interviews.judge(
            actor=request.user, interview=found, right=request.POST.get("right") == "yes",
            reason=request.POST.get("reason", ""),
        )  # fmt: skip
    except Refused as error:
        return show(request, number, error.sentence)
    return redirect("readiness:interview", number)
