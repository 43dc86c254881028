"""What people do to an incident: each verb reads what was typed, calls its service and says what
came of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.common.errors import Absent, Invalid, Refused
from apps.common.middleware import told
from apps.incidents import queries
from apps.incidents.models import Finding, Incident
from apps.incidents.services import duties, evidence, learning, lifting, linking
from apps.incidents.services import incidents as services
from apps.incidents.states import OVER
from apps.incidents.views.incidents import show, url_of
from apps.orchestration.models import Run
from apps.policies.models import Policy
from apps.registry.models import Agent


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
    evidence.keep_evidence(actor=user, incident=found, reason=data.get("reason", ""))
    return "The evidence is kept."


def do_release(user: User, found: Incident, data: Typed) -> str:
    evidence.release_evidence(actor=user, incident=found, reason=data.get("reason", ""))
    return "The evidence is released."


def do_lift(user: User, found: Incident, data: Typed) -> str:
    pk = key(data.get("measure", ""))
    if not found.containments.filter(pk=pk).exists():
        raise Absent
    row = lifting.lift(actor=user, containment_id=pk, reason=data.get("reason", ""))
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
