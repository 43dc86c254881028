from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent, Invalid, Refused
from apps.common.middleware import told
from apps.common.paging import page
from apps.incidents import queries
from apps.incidents.forms import ReportForm
from apps.incidents.models import Finding, Group, Incident
from apps.incidents.rules import SOURCES
from apps.incidents.services import incidents as services
from apps.incidents.services import learning, opening, signals
from apps.incidents.states import OVER, ActionType, Kind, Severity, Status
from apps.policies.models import Policy


@needs("incidents.view")
def incidents(request: PersonRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in ("severity", "agent", "search")}
    status = request.GET.get("status", "open")
    rows = queries.incidents(request.user, status=status, **filters)
    counts = queries.open_counts(request.user)
    context = {
        "page": page(request, rows, field="detected_at"),
        "filters": filters,
        "status": status,
        "statuses": [("open", "Open"), *((code, word) for code, word in LISTED.items())],
        "severities": Severity.choices,
        "counts": [(code, counts.get(code, 0)) for code in Severity.values],
    }
    return render(request, "incidents/incidents.html", context)


LISTED: dict[str, str] = {"": "All", **{str(code): Status(code).label for code in OVER}}


@needs("incidents.report")
def report(request: PersonRequest) -> HttpResponse:
    form = ReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        try:
            made = opening.report(actor=request.user, runs=values.pop("run"), **values)
        except Invalid as error:
            for name, sentences in error.fields.items():
                form.add_error(name, sentences)
        else:
            return told(request, f"{made.reference} is reported.", url_of(made))
    status = 422 if form.errors else 200
    return render(request, "incidents/report.html", {"form": form}, status=status)


def url_of(incident: Incident) -> str:
    return reverse("incidents:incident", args=[incident.number])


@needs("incidents.view")
def incident(request: PersonRequest, number: int) -> HttpResponse:
    return show(request, queries.incident_numbered(request.user, number))


def show(
    request: PersonRequest,
    found: Incident,
    *,
    problem: str = "",
    failed: str = "",
    status: int = 200,
) -> HttpResponse:
    """The incident with all that the reader may do; what was typed is kept on an error."""
    lines, more = queries.timeline(found)
    user = request.user
    received = queries.receipts(found)
    context = {
        "incident": found,
        "links": found.links.order_by("kind", "label"),
        "groups": found.groups.select_related("template").order_by("-last_at")[:20],
        "lines": lines,
        "more": more,
        "receipts": received,
        "owed": any(row.confirmed_at is None for row in received),
        "policy_actions": queries.policy_actions(found),
        "offered": queries.offered(found) if found.status not in OVER else [],
        "policies": Policy.objects.order_by("title"),
        "findings": found.findings.prefetch_related("actions__owner").order_by("at"),
        "confirmed": User.objects.filter(pk__in=found.confirmed_by),
        "over": found.status in OVER,
        "judges": queries.may_judge(user, found),
        "owner": user.pk in queries.owners_of(found),
        "closes": holds(user, "incidents.close"),
        "may_note": holds(user, "incidents.report"),
        "may_audit": holds(user, "audit.view"),
        "people": User.objects.filter(is_active=True).order_by("display_name")[:500],
        "kinds": Kind.choices,
        "severities": Severity.choices,
        "types": ActionType.choices,
        "today": timezone.localdate().isoformat(),
        "problem": problem,
        "failed": failed,
        "typed": request.POST if failed else {},
    }
    return render(request, "incidents/incident.html", context, status=status)


@needs("incidents.command")
def contain(request: PersonRequest, number: int) -> HttpResponse:
    """Says beforehand what will stop."""
    found = queries.incident_numbered(request.user, number)
    problem, results = "", {}
    if request.method == "POST":
        try:
            results = services.contain(
                actor=request.user,
                incident=found,
                suspend=request.POST.get("how") == "suspend",
                reason=request.POST.get("reason", ""),
            )
        except Refused as error:
            problem = error.sentence
        else:
            found.refresh_from_db()
            if found.status == Status.CONTAINED:
                return told(request, f"{found.reference} is contained.", url_of(found))
            problem = "Not everything could be stopped."
    context = {
        "incident": found,
        "stops": queries.in_flight(found),
        "problem": problem,
        "results": results.items(),
        "typed": request.POST,
    }
    return render(request, "incidents/contain.html", context, status=409 if problem else 200)


@needs("incidents.report")
@require_POST
def act(request: PersonRequest, number: int, verb: str) -> HttpResponse:
    found = queries.incident_numbered(request.user, number)
    if verb not in ACTS:
        raise Absent
    try:
        sentence = ACTS[verb](request.user, found, request.POST)
    except Absent:
        raise
    except Refused as error:
        found.refresh_from_db()
        return show(request, found, problem=error.sentence, failed=verb, status=error.status)
    return told(request, sentence, url_of(found))


Typed = Mapping[str, str]


def do_triage(user: User, found: Incident, data: Typed) -> str:
    services.triage(
        actor=user, incident=found, kind=data.get("kind", ""), severity=number(data, "severity"),
        reason=data.get("reason", ""),
    )  # fmt: skip
    return "Triaged."


def do_severity(user: User, found: Incident, data: Typed) -> str:
    services.change_severity(
        actor=user, incident=found, severity=number(data, "severity"),
        reason=data.get("reason", ""),
    )  # fmt: skip
    return "The severity is changed."


def do_lead(user: User, found: Incident, data: Typed) -> str:
    to = person(data.get("to", "")) if data.get("to") else None
    row = services.take_command(actor=user, incident=found, to=to)
    return f"{row.commander} leads."


def do_investigate(user: User, found: Incident, data: Typed) -> str:
    services.investigate(actor=user, incident=found)
    return "The investigation has begun."


def do_confirm(user: User, found: Incident, data: Typed) -> str:
    services.confirm(actor=user, incident=found)
    return "You have confirmed the timeline."


def do_review(user: User, found: Incident, data: Typed) -> str:
    services.to_review(actor=user, incident=found)
    return "It is under review."


def do_correct(user: User, found: Incident, data: Typed) -> str:
    services.to_corrective(actor=user, incident=found)
    return "It is being corrected."


def do_close(user: User, found: Incident, data: Typed) -> str:
    services.close(actor=user, incident=found, reason=data.get("reason", ""))
    return "Closed."


def do_dismiss(user: User, found: Incident, data: Typed) -> str:
    text = data.get("original", "").strip().upper().removeprefix("I-")
    original = None
    if text:
        if not text.isdecimal() or len(text) > 14:
            raise Invalid("There is no such incident.")
        original = Incident.objects.filter(number=int(text)).first()
        if original is None:
            raise Invalid("There is no such incident.")
    row = services.dismiss(
        actor=user, incident=found, to=data.get("to", ""), reason=data.get("reason", ""),
        original=original,
    )  # fmt: skip
    return "Dismissed." if row.status in OVER else "A second person has to say the same."


def do_note(user: User, found: Incident, data: Typed) -> str:
    about = parse_datetime(data["about"]) if data.get("about") else None
    if about is not None and timezone.is_naive(about):
        about = timezone.make_aware(about)
    services.note(actor=user, incident=found, text=data.get("text", ""), about=about)
    return "The note is in the timeline."


def do_finding(user: User, found: Incident, data: Typed) -> str:
    learning.add_finding(actor=user, incident=found, text=data.get("text", ""))
    return "The finding is written down."


def do_accept(user: User, found: Incident, data: Typed) -> str:
    learning.accept_risk(actor=user, finding=finding_of(found, data), reason=data.get("reason", ""))
    return "The risk is accepted."


def do_action(user: User, found: Incident, data: Typed) -> str:
    motion = data.get("motion", "").strip().upper().removeprefix("M-")
    if motion and (not motion.isdecimal() or len(motion) > 14):
        raise Invalid("Give the motion's number, for example M-1042.")
    learning.add_action(
        actor=user,
        finding=finding_of(found, data),
        type=data.get("type", ""),
        text=data.get("text", ""),
        owner=person(data.get("owner", "")),
        due_on=day(data.get("due_on", "")),
        policy=data.get("policy", "").strip()[:80],
        motion=int(motion) if motion else None,
    )
    return "The action is decided."


def do_lesson(user: User, found: Incident, data: Typed) -> str:
    policy = Policy.objects.filter(slug=data.get("policy", "")).first()
    if policy is None:
        raise Invalid("Choose a policy.")
    lesson = learning.keep_lesson(
        actor=user,
        action_id=action_of(found, data),
        policy=policy,
        step=key(data.get("step", "")),
        expected=data.get("expected", ""),
    )
    return f"Kept: no version of {policy} can be proposed that lets “{lesson.case}” pass."


def do_done(user: User, found: Incident, data: Typed) -> str:
    learning.mark_done(actor=user, action_id=action_of(found, data))
    return "Done. Somebody else verifies it now."


def do_verify(user: User, found: Incident, data: Typed) -> str:
    learning.verify(actor=user, action_id=action_of(found, data), how=data.get("how", ""))
    return "Verified."


ACTS: Mapping[str, Callable[[User, Incident, Typed], str]] = {
    "triage": do_triage,
    "severity": do_severity,
    "lead": do_lead,
    "investigate": do_investigate,
    "confirm": do_confirm,
    "review": do_review,
    "correct": do_correct,
    "close": do_close,
    "dismiss": do_dismiss,
    "note": do_note,
    "finding": do_finding,
    "accept": do_accept,
    "action": do_action,
    "lesson": do_lesson,
    "done": do_done,
    "verify": do_verify,
}


def number(data: Typed, name: str) -> int:
    text = data.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 4 else 0


def day(text: str) -> dt.date:
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None:
        raise Invalid("Give a day until when.")
    return found


def person(text: str) -> User:
    found = User.objects.filter(pk=int(text), is_active=True).first() if text.isdecimal() else None
    if found is None:
        raise Invalid("Choose a person.")
    return found


def finding_of(found: Incident, data: Typed) -> Finding:
    return get_object_or_404(found.findings, pk=key(data.get("finding", "")))


def action_of(found: Incident, data: Typed) -> uuid.UUID:
    pk = key(data.get("action", ""))
    if not found.findings.filter(actions__pk=pk).exists():
        raise Absent
    return pk


def key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Absent from None


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
