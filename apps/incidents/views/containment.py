"""What is stopped at once, and what is taken back: each says beforehand what it will do."""

from __future__ import annotations

import datetime as dt
import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Invalid, Refused
from apps.common.middleware import told
from apps.incidents import queries
from apps.incidents.clocks import SUSPEND_USE
from apps.incidents.models import Incident
from apps.incidents.services import containment, measures, rollbacks
from apps.incidents.states import ItemStatus, Status
from apps.incidents.views.acts import number as whole
from apps.incidents.views.incidents import url_of

LEAST_HOURS, USUAL_HOURS, MOST_HOURS = 1, 72, 720


@needs("incidents.command")
def contain(request: PersonRequest, number: int) -> HttpResponse:
    """Says beforehand what will stop; what was picked is kept on an error."""
    found = queries.incident_numbered(request.user, number)
    targets = queries.targets(found)
    problem, results = "", {}
    if request.method == "POST":
        wishes = [
            measures.Wish(target.place, target.ref, measure)
            for target in targets
            for measure in request.POST.getlist(f"do:{target.name}")
        ]
        owner = request.POST.get("owner", "")
        try:
            refuse_by_oversight(found, wishes, nothing="nothing" in request.POST)
            results = containment.contain(
                actor=request.user,
                incident=found,
                wishes=wishes,
                reason=request.POST.get("reason", ""),
                lasts=dt.timedelta(hours=whole(request.POST, "hours")),
                owner=User.objects.filter(pk=int(owner)).first() if owner.isdecimal() else None,
                checkpoint=request.POST.get("checkpoint", ""),
            )
        except Refused as error:
            problem = error.sentence
        else:
            failed = [each for each in results.values() if each.startswith(containment.FAILED)]
            if not failed:
                many = len(results)
                words = f"{many} measure{' is' if many == 1 else 's are'} in force."
                if found.status == Status.CONTAINED:
                    begin = f"{found.reference} is contained."
                    words = f"{begin} {words}" if results else begin
                elif not results:
                    words = "Nothing stopped."
                return told(request, words, url_of(found))
            problem = "Not everything could be stopped."
            targets = queries.targets(found)
    picked = {
        (target.name, measure)
        for target in targets
        for measure in request.POST.getlist(f"do:{target.name}")
    }
    context = {
        "incident": found,
        "targets": targets,
        "held": any(target.taken for target in targets),
        "picked": [f"{name} {measure}" for name, measure in picked],
        "checkpoints": queries.checkpoints(),
        "people": User.objects.filter(is_active=True).order_by("display_name")[:500],
        "usual": USUAL_HOURS,
        "most": MOST_HOURS,
        "suspend_use": SUSPEND_USE if found.is_serious else "",
        "problem": problem,
        "results": results.items(),
        "typed": request.POST,
    }
    return render(request, "incidents/contain.html", context, status=409 if problem else 200)


def refuse_by_oversight(incident: Incident, wishes: list[measures.Wish], *, nothing: bool) -> None:
    """In haste a tick is forgotten: that nothing has to be stopped is said, and not left out."""
    if wishes and nothing:
        raise Invalid("Something is picked, and it is said that nothing has to be stopped.")
    if not wishes and not (nothing and incident.status == Status.TRIAGED):
        more = ", or say that nothing has to be stopped" * (incident.status == Status.TRIAGED)
        raise Invalid(f"Pick what to stop{more}.")


@needs("incidents.view")
def rollback(request: PersonRequest, number: int) -> HttpResponse:
    """Everything that an agent did in a window, item by item, before it is taken back."""
    found = queries.incident_numbered(request.user, number)
    agents = queries.agents_of(found)
    typed = request.POST or request.GET
    slug = typed.get("agent", agents[0].slug if agents else "")
    begin = found.occurred_at or found.detected_at
    since = moment_of(typed.get("since", "")) or begin - dt.timedelta(hours=1)
    until = moment_of(typed.get("until", "")) or whole_minute(timezone.now())
    known = next((agent for agent in agents if agent.slug == slug), None)
    problem, only = "", set[uuid.UUID]()
    if request.method == "POST":
        try:
            only = {uuid.UUID(text) for text in request.POST.getlist("item")}
            rollbacks.roll_back_window(
                actor=request.user, incident=found, agent=slug, since=since, until=until,
                reason=request.POST.get("reason", ""), only=only,
            )  # fmt: skip
        except (Refused, ValueError) as error:
            problem = error.sentence if isinstance(error, Refused) else "Choose from the list."
        else:
            return told(request, "It is being taken back.", f"{url_of(found)}#rollbacks")
    items = queries.foreseen(slug, since, until) if known else []
    able = [item.action for item in items if item.status == ItemStatus.WAITING]
    named = queries.run_keys(found)
    linked = {act.pk for act in able if act.run_id in named}
    pick = typed.get("pick", "named" if linked else "all")
    picked = only if problem else linked if pick == "named" else {act.pk for act in able}
    first = [item for item in items if item.action.run_id in named] if pick == "named" else []
    context = {
        "incident": found,
        "picked": picked if pick != "none" else set(),
        "pick": pick,
        "choices": [
            ("named", "Of the runs that the incident names", len(linked)),
            ("all", "Everything", len(able)),
            ("none", "Nothing", 0),
        ],
        "agents": agents,
        "agent": known,
        "since": since,
        "until": until,
        "items": items,
        "first": first or items,
        "rest": [item for item in items if first and item.action.run_id not in named],
        "able": len(able),
        "operates": holds(request.user, "runs.operate") and queries.may_judge(request.user, found),
        "problem": problem,
        "typed": request.POST,
    }
    return render(request, "incidents/rollback.html", context, status=409 if problem else 200)


def whole_minute(moment: dt.datetime) -> dt.datetime:
    """The next whole minute: a field for moments shows no seconds, and none may be lost by it."""
    return moment.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)


def moment_of(text: str) -> dt.datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is not None and timezone.is_naive(found):
        return timezone.make_aware(found)
    return found
