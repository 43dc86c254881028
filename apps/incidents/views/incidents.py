from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
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
from apps.incidents import clocks, queries
from apps.incidents.forms import ReportForm
from apps.incidents.models import Finding, Incident, Link
from apps.incidents.rules import ASI
from apps.incidents.services import containment, duties, learning, linking, opening
from apps.incidents.services import incidents as services
from apps.incidents.states import OVER, ActionType, Kind, LinkKind, Severity, Status
from apps.orchestration.models import Run
from apps.policies.models import Policy
from apps.registry.models import Agent


@needs("incidents.view")
def incidents(request: PersonRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in ("severity", "agent", "search")}
    status = request.GET.get("status", "open")
    rows = queries.incidents(request.user, status=status, **filters)
    counts = queries.open_counts(request.user)
    found = page(request, rows, field="detected_at")
    measures = queries.measures_in_force(found.rows)
    here = queries.about_agents(found.rows)
    context = {
        "checks": queries.checks_due(request.user)[:20],
        "late": queries.overdue(request.user)[:20],
        "page": found,
        "rows": [(row, measures.get(row.pk, 0), row.pk in here) for row in found.rows],
        "filters": filters,
        "status": status,
        "statuses": [("open", "Open"), *((code, word) for code, word in LISTED.items())],
        "agents": Agent.objects.order_by("name")[:500],
        "severities": Severity.choices,
        "counts": [(code, counts.get(code, 0)) for code in Severity.values],
    }
    return render(request, "incidents/incidents.html", context)


SHOWN = 60  # moments of a timeline that are not folded away
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
    context = {"form": form, "commands": holds(request.user, "incidents.command")}
    return render(request, "incidents/report.html", context, status=status)


def url_of(incident: Incident) -> str:
    return reverse("incidents:incident", args=[incident.number])


@needs("incidents.view")
def incident(request: PersonRequest, number: int) -> HttpResponse:
    return show(request, queries.incident_numbered(request.user, number))


def linked(found: Incident) -> list[tuple[Link, str]]:
    """What the incident is about, with where that is."""
    numbers = queries.run_numbers(found)
    pages = {LinkKind.AGENT: "registry:agent", LinkKind.RUN: "orchestration:run"}
    rows = []
    for link in found.links.order_by("kind", "label"):
        name = numbers.get(link.ref) if link.kind == LinkKind.RUN else link.ref
        page_of = pages.get(LinkKind(link.kind))
        rows.append((link, reverse(page_of, args=[name]) if page_of and name else ""))
    return rows


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
    measures = queries.containments(found)
    findings = list(found.findings.prefetch_related("actions__owner").order_by("at"))
    policy_actions = queries.policy_actions(found)
    wanted = queries.wanted(found, findings, policy_actions, measures)
    context = {
        "incident": found,
        "milestones": queries.milestones(found),
        "standings": [] if found.status in OVER else queries.standings(found, measures),
        "wanted": wanted,
        "ready": all(each.done for each in wanted),
        "links": linked(found),
        "groups": found.groups.filter(merged_into=None)
        .select_related("template")
        .order_by("-last_at")[:20],
        "early": lines[:-SHOWN],
        "lines": lines[-SHOWN:],
        "more": more,
        "measures": sorted(measures, key=lambda each: each.lifted_at is not None),
        "owed": any(
            not each.confirmed_at or (each.lifted_at and not each.removed_at) for each in measures
        ),
        "clocks": queries.clocks_of(found),
        "criteria": [(code, each.words, each.article) for code, each in clocks.CRITERIA.items()],
        "asi": list(ASI.items()),
        "suspend_use": clocks.SUSPEND_USE,
        "told": list(queries.TOLD.items()),
        "reports": found.reports.order_by("-made_at"),
        "reviews": found.reviews.order_by("-held_at"),
        "rollbacks": queries.rollbacks_of(found),
        "subjects": User.objects.filter(pk__in=queries.subjects_of(found)),
        "operates": holds(user, "runs.operate"),
        "policy_actions": policy_actions,
        "offered": queries.offered(found) if found.status not in OVER else [],
        "policies": Policy.objects.order_by("title"),
        "agents": Agent.objects.exclude(status="retired").order_by("name")[:500],
        "findings": findings,
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
        "day": timezone.localdate(),
        "check_day": duties.check_day(timezone.now()).isoformat(),
        "commands": queries.may_judge(user, found),
        "problem": problem,
        "failed": failed,
        "typed": request.POST if failed else {},
    }
    return render(request, "incidents/incident.html", context, status=status)


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


def do_link(user: User, found: Incident, data: Typed) -> str:
    agent = Agent.objects.filter(slug=data.get("agent", "")).exclude(status="retired").first()
    text = data.get("run", "").strip().upper().removeprefix("R-")
    run = None
    if text:
        known = text.isdecimal() and len(text) < 15
        run = Run.objects.filter(number=int(text)).first() if known else None
        if run is None:
            raise Invalid("There is no such run.")
    linking.link_to(actor=user, incident=found, agent=agent, run=run)
    return "Linked."


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


def do_classify(user: User, found: Incident, data: Typed) -> str:
    row = duties.classify(
        actor=user, incident=found, reason=data.get("reason", ""),
        criteria=several(data, "criteria"), asi_codes=several(data, "asi"),
    )  # fmt: skip
    return "A serious incident: its periods run." if row.is_serious else "Written down."


def do_meet(user: User, found: Incident, data: Typed) -> str:
    duties.meet(actor=user, clock_id=clock_of(found, data), words=data.get("words", ""))
    return "The period is met."


def do_aside(user: User, found: Incident, data: Typed) -> str:
    duties.set_aside(actor=user, clock_id=clock_of(found, data), reason=data.get("reason", ""))
    return "The period is set aside."


def do_prepare(user: User, found: Incident, data: Typed) -> str:
    made = duties.prepare_report(
        actor=user, incident=found, kind=data.get("kind", ""),
        recipient=data.get("recipient", ""),
        told={name: data.get(f"told-{name}", "") for name in queries.TOLD},
    )  # fmt: skip
    return f"{made} is prepared."


def do_sent(user: User, found: Incident, data: Typed) -> str:
    pk = key(data.get("report", ""))
    if not found.reports.filter(pk=pk).exists():
        raise Absent
    duties.mark_sent(actor=user, report_id=pk, reference=data.get("reference", ""))
    return "Sent."


def do_hold_review(user: User, found: Incident, data: Typed) -> str:
    skipped = data.get("skipped") == "yes"
    duties.hold_review(
        actor=user, incident=found, attendees=[person(text) for text in several(data, "attendees")],
        decisions=data.get("decisions", ""), dissent=data.get("dissent", ""), skipped=skipped,
    )  # fmt: skip
    return "Why there is no review is on record." if skipped else "The review is on record."


def do_plan_check(user: User, found: Incident, data: Typed) -> str:
    duties.plan_check(
        actor=user, action_id=action_of(found, data), on=day(data.get("on", "")),
        metric=data.get("metric", ""),
    )  # fmt: skip
    return "The check is planned."


def do_check(user: User, found: Incident, data: Typed) -> str:
    helped = data.get("helped") == "yes"
    duties.check(
        actor=user, action_id=action_of(found, data), helped=helped, words=data.get("words", "")
    )
    return "It helped." if helped else "It did not help, and that is on record."


def do_keep(user: User, found: Incident, data: Typed) -> str:
    containment.keep_evidence(actor=user, incident=found, reason=data.get("reason", ""))
    return "The evidence is kept."


def do_release(user: User, found: Incident, data: Typed) -> str:
    containment.release_evidence(actor=user, incident=found, reason=data.get("reason", ""))
    return "The evidence is released."


def do_lift(user: User, found: Incident, data: Typed) -> str:
    pk = key(data.get("measure", ""))
    if not found.containments.filter(pk=pk).exists():
        raise Absent
    row = containment.lift(actor=user, containment_id=pk, reason=data.get("reason", ""))
    return f"Lifted: {row}."


def do_person(user: User, found: Incident, data: Typed) -> str:
    services.name_person(
        actor=user, incident=found, person=person(data.get("person", "")),
        reason=data.get("reason", ""),
    )  # fmt: skip
    return "It is hidden from them now."


def several(data: Typed, name: str) -> list[str]:
    return data.getlist(name) if isinstance(data, QueryDict) else []


def clock_of(found: Incident, data: Typed) -> uuid.UUID:
    pk = key(data.get("clock", ""))
    if not found.clocks.filter(pk=pk).exists():
        raise Absent
    return pk


ACTS: Mapping[str, Callable[[User, Incident, Typed], str]] = {
    "classify": do_classify,
    "meet": do_meet,
    "aside": do_aside,
    "prepare": do_prepare,
    "sent": do_sent,
    "hold-review": do_hold_review,
    "plan-check": do_plan_check,
    "check": do_check,
    "keep": do_keep,
    "release": do_release,
    "lift": do_lift,
    "person": do_person,
    "triage": do_triage,
    "severity": do_severity,
    "lead": do_lead,
    "link": do_link,
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
