"""The portfolio, a process with its map, one measurement with its evidence, and two compared."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common import processes
from apps.common.errors import Refused
from apps.common.middleware import told
from apps.readiness.drawing import maps, quadrant
from apps.readiness.forms import PeriodForm
from apps.readiness.mining.weights import NAMES
from apps.readiness.models import Assessment, Log, Process
from apps.readiness.queries import assessments as found_by
from apps.readiness.queries import live
from apps.readiness.queries import processes as queries
from apps.readiness.services import assessing, levels
from apps.readiness.services.keepers import may_keep
from apps.readiness.states import Level, WorkStatus
from apps.readiness.views.inventory import keeper

# Each dimension in a word and in a sentence.
DIMENSIONS = {name: tuple(words.split(": ", 1)) for name, words in NAMES.items()}
GATES = {
    "lawful": "Lawful", "owner": "Owned", "data": "Critical data", "reverse": "Irreversible steps",
    "systems": "Sanctioned systems", "evidence": "Evidence", "cases": "Enough cases",
}  # fmt: skip
PLACES = {
    "pilot_now": "Pilot now", "fix_first": "Fix first", "later": "Later", "leave": "Leave",
}  # fmt: skip


@needs("readiness.view")
def portfolio(request: PersonRequest) -> HttpResponse:
    found = queries.portfolio(request.user)
    seen = [
        quadrant.Seen(
            row.process.name, row.process.slug,
            (row.counts.value["hours"], row.counts.value["low"], row.counts.value["high"]),
            (row.counts.low or 0.0, row.counts.readiness or 0.0, row.counts.high or 0.0),
            bool(row.counts.blocked),
        )
        for row in found.rows
        if row.counts and row.counts.value
    ]  # fmt: skip
    context = {
        "rows": [
            (row, [by_name(row.counts).get(name) for name in DIMENSIONS], PLACES.get(row.place, ""))
            for row in found.rows
        ],
        "heads": DIMENSIONS.items(),
        "quadrant": quadrant.drawn(seen, found.middle),
        "keeps": holds(request.user, "readiness.manage"),
    }
    return render(request, "readiness/portfolio.html", context)


def by_name(row: Assessment | None) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in row.dimensions} if row else {}


@needs("readiness.view")
def process(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.process_named(request.user, slug)
    counts = found_by.newest(found)
    context = {
        "process": found,
        "counts": counts,
        "keeps": may_keep(request.user, found),
        "missing": queries.missing(found),
        "under_way": queries.under_way(found),
        "logs": found.logs.filter(status=WorkStatus.READY).order_by("-created_at", "-id")[:10],
        "measured": found_by.assessments_of(found)
        .filter(status=WorkStatus.READY)
        .order_by("-created_at", "-id")[:10],
        "interviews": queries.interviews_of(found)[:10],
        "bounds": processes.bounded(found.slug),
        "live": live.of(found),
        **(picture(counts) if counts else {}),
        **verdict_on(request, found, counts),
    }
    return render(request, "readiness/process.html", context)


def verdict_on(
    request: PersonRequest, process: Process, counts: Assessment | None
) -> dict[str, Any]:
    """Whether a higher level waits for somebody, and whether that may be the reader."""
    higher = found_by.higher_waits(process, counts)
    mine = counts is not None and request.user.pk in (process.owner_id, counts.asked_by_id)
    return {
        "higher": higher,
        "accepts": higher and holds(request.user, "readiness.accept") and not mine,
    }


def picture(row: Assessment) -> dict[str, Any]:
    """What the page shows of an assessment: maps, tables and words."""
    results = row.results
    graph, systems = results.get("graph"), results.get("systems")
    names = DIMENSIONS
    dims = [(names[each["name"]], each, bar(each)) for each in row.dimensions]
    gates = results.get("score", {}).get("gates", [])
    verdicts = results.get("verdicts", [])
    gains = results.get("score", {}).get("gains", [])[:4]
    found: dict[str, Any] = {
        "row": row,
        "dims": dims,
        "gates": [(GATES[each["name"]], each) for each in gates],
        "gains": [(names[each["dimension"]][0], each) for each in gains if each["gain"] > 0.005],
        "results": results,
        "verdicts": verdicts,
        "faults": sorted(row.log.fault_counts.items()) if row.log else [],
    }
    if graph:
        found["map"] = maps.process_map(
            graph, results.get("conformance"), results.get("documented", []), verdicts,
            results.get("documented_ways", []),
        )  # fmt: skip
        found["graph"] = graph
        found["queues"] = any(each.get("queue_median") is not None for each in graph["edges"])
    if systems and systems["nodes"]:
        found["system_map"] = maps.system_map(systems)
    return found


BAR = 120


def bar(dimension: dict[str, Any]) -> dict[str, float]:
    """Positions of a bar with its interval, of 120."""
    low, value, high = (BAR * float(dimension[name]) for name in ("low", "value", "high"))
    return {"low": round(low, 1), "value": round(value, 1), "high": round(high, 1),
            "width": round(max(high - low, 1.0), 1)}  # fmt: skip


@needs("readiness.view")
def assess(request: PersonRequest, slug: str) -> HttpResponse:
    found = keeper(request, slug)
    ready = Log.objects.filter(process=found, status=WorkStatus.READY)
    logs = [
        (str(log.number), f"{log.reference} {log.file_name}, cases: {log.cases:,}")
        for log in ready.order_by("-created_at", "-id")[:50]
    ]
    form = PeriodForm(request.POST or None, logs=logs)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            row = assessing.ask_for_assessment(
                actor=request.user, process=found,
                log=ready.filter(number=data["log"]).first() if data["log"] else None,
                since=data["since"], until=data["until"],
            )  # fmt: skip
        except Refused as error:
            form.add_error(None, error.sentence)
        else:
            return redirect("readiness:assessment", row.number)
    context = {
        "form": form,
        "title": f"Assess {found.name}",
        "back": reverse("readiness:process", args=[slug]),
        "words": "A worker measures it. With a part of the time it is for comparing, and moves no "
        "level.",
        "button": "Measure",
    }
    return render(request, "readiness/edit.html", context, status=422 if form.errors else 200)


@needs("readiness.view")
def assessment(request: PersonRequest, number: int) -> HttpResponse:
    return show(request, number)


def show(request: PersonRequest, number: int, problem: str = "") -> HttpResponse:
    found = queries.assessment_numbered(request.user, number)
    others = found_by.assessments_of(found.process).filter(status=WorkStatus.READY)
    context = {
        "assessment": found,
        "process": found.process,
        "keeps": may_keep(request.user, found.process),
        "others": others.exclude(pk=found.pk).order_by("-created_at", "-id")[:20],
        "problem": problem,
        **(picture(found) if found.ready else {}),
        **verdict_on(request, found.process, found_by.newest(found.process)),
    }
    context["accepts"] = context["accepts"] and found_by.newest(found.process) == found
    return render(request, "readiness/assessment.html", context, status=409 if problem else 200)


@needs("readiness.accept")
@require_POST
def accept(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.assessment_numbered(request.user, number)
    try:
        process = levels.accept(
            actor=request.user, assessment=found, reason=request.POST.get("reason", "")
        )
    except Refused as error:
        return show(request, number, error.sentence)
    url = reverse("readiness:process", args=[process.slug])
    return told(request, f"{process.name} is at level {Level(process.level).label}.", url)


@needs("readiness.view")
@require_POST
def cancel(request: PersonRequest, number: int) -> HttpResponse:
    found = queries.assessment_numbered(request.user, number)
    assessing.cancel_assessment(actor=request.user, assessment=found)
    return redirect("readiness:assessment", number)


@needs("readiness.view")
def compare(request: PersonRequest, number: int) -> HttpResponse:
    """Two assessments of one process, the older one first; `with` names the other."""
    other = request.GET.get("with", "").upper().removeprefix("RA-")
    one = queries.assessment_numbered(request.user, number)
    two = queries.assessment_numbered(request.user, int(other) if other.isdecimal() else number)
    before, after = sorted((one, two), key=lambda row: row.number)
    context = {
        "before": before,
        "after": after,
        "process": after.process,
        "same": before.process_id == after.process_id and before.ready and after.ready,
        "dims": [
            (DIMENSIONS[each.name][0], each) for each in found_by.dimension_changes(before, after)
        ],
        "steps": found_by.step_changes(before, after)[:20],
        "edges": found_by.edge_changes(before, after),
    }
    return render(request, "readiness/compare.html", context)
