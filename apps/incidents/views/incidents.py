from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Invalid
from apps.common.middleware import told
from apps.common.sorting import sorted_page
from apps.incidents import clocks, queries
from apps.incidents.forms import ReportForm
from apps.incidents.models import Incident, Link
from apps.incidents.rules import ASI
from apps.incidents.services import duties, opening
from apps.incidents.states import OVER, ActionType, Kind, LinkKind, Severity, Status
from apps.policies.models import Policy
from apps.registry.models import Agent


@needs("incidents.view")
def incidents(request: PersonRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in ("severity", "agent", "search")}
    status = request.GET.get("status", "open")
    rows = queries.incidents(request.user, status=status, **filters)
    counts = queries.open_counts(request.user)
    sort = queries.SORTS.get(request.GET.get("sort", ""), queries.SORTS["newest"])
    found = sorted_page(request, queries.for_sort(rows, sort), sort)
    periods = queries.next_periods(found.rows)
    measures = queries.measures_in_force(found.rows)
    here = queries.about_agents(found.rows)
    context = {
        "checks": queries.checks_due(request.user)[:20],
        "late": queries.overdue(request.user)[:20],
        "page": found,
        "rows": [
            (row, measures.get(row.pk, 0), row.pk in here, periods.get(row.pk))
            for row in found.rows
        ],
        "sort": sort.code,
        "sorts": queries.SORTS.values(),
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
