from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from apps.access.models import User
from apps.common.clock import now
from apps.incidents import clocks
from apps.incidents.models import Corrective, Incident, RegulatoryClock
from apps.incidents.queries.containment import containments
from apps.incidents.queries.incidents import agents_of, incidents
from apps.incidents.rules import ASI
from apps.incidents.states import OVER

# What a report says beyond the record, by the name of its field.
TOLD: dict[str, str] = {
    "provider": "Provider of the system, and how to reach it",
    "registration": "Registration of the system in the EU database, if any",
    "member_state": "Member State where it happened",
    "affected": "Persons affected, and how",
    "ongoing": "Whether it is still going on",
    "causation": "Whether and how the system caused it, as far as is known",
    "parallel": "Notices under other law (GDPR, NIS2 …)",
    "next": "What is done next, and until when",
}


def open_clocks(incident: Incident) -> QuerySet[RegulatoryClock]:
    return RegulatoryClock.objects.filter(
        incident=incident, met_at=None, set_aside_at=None, replaced_at=None
    )


def clocks_of(incident: Incident) -> list[tuple[RegulatoryClock, clocks.Clock, str]]:
    """Each period with its words, and how it stands: met, late, aside, replaced, due or over."""
    moment = now()
    rows = RegulatoryClock.objects.filter(incident=incident).order_by("due_at", "pk")
    return [(row, clocks.CLOCKS[row.code], standing(row, moment)) for row in rows]


def standing(row: RegulatoryClock, moment: Any) -> str:
    if row.replaced_at:
        return "replaced"
    if row.set_aside_at:
        return "aside"
    if row.met_at:
        return "late" if row.met_at > row.due_at else "met"
    return "over" if moment > row.due_at else "due"


def report_body(incident: Incident, told: Mapping[str, str]) -> dict[str, Any]:
    """The report package (incidents.md 2.4): what the record knows, and what was typed."""
    agents = agents_of(incident)
    return {
        "incident": incident.reference,
        "title": incident.title,
        "what_happened": incident.summary,
        "severity": incident.severity,
        "serious_by": [
            f"{clocks.CRITERIA[code].words} (Art. {clocks.CRITERIA[code].article})"
            for code in incident.serious_criteria
        ],
        "agentic_risks": [f"{code} {ASI[code]}" for code in incident.asi_codes],
        "systems": [
            {
                "id": agent.slug,
                "version": agent.version,
                "name": agent.name,
                "intended_purpose": agent.purpose,
                "risk_tier": agent.risk_tier,
                "answered_for_by": str(agent.owner),
            }
            for agent in agents
        ],
        "happened_at": incident.occurred_at,
        "detected_at": incident.detected_at,
        "aware_at": incident.aware_at,
        "contained_at": incident.contained_at,
        "containment": [
            f"{row}, {row.asked_at:%Y-%m-%d %H:%M:%S} UTC" for row in containments(incident)
        ],
        "evidence_kept": incident.hold is not None,
        "findings": [each.text for each in incident.findings.order_by("at")],
        "corrective_actions": [
            f"{each.text} (by {each.owner}, until {each.due_on})"
            for each in Corrective.objects.filter(finding__incident=incident).select_related(
                "owner"
            )
        ],
        "told": {TOLD[name]: told[name].strip() for name in TOLD if told.get(name, "").strip()},
        "made_at": now(),
        "note": f"Prepared by Agent Council after {clocks.SOURCE}; a reminder, no legal advice.",
    }


def checks() -> QuerySet[Corrective]:
    """Corrections whose effect is to be looked at by now."""
    rows = Corrective.objects.filter(check_on__lte=now().date(), checked_at=None)
    return rows.select_related("finding__incident__commander", "owner").order_by("check_on")


def unfinished(*, before: dt.date | None = None) -> QuerySet[Corrective]:
    """Corrections that were not done, and have not failed, of incidents that are not over;
    `before`: only those whose last day was before it."""
    rows = Corrective.objects.filter(done_at=None, failed_at=None)
    if before is not None:
        rows = rows.filter(due_on__lt=before)
    rows = rows.exclude(finding__incident__status__in=OVER)
    return rows.select_related("finding__incident__commander", "owner").order_by("due_on")


def checks_due(reader: User) -> QuerySet[Corrective]:
    return checks().filter(finding__incident__in=incidents(reader, status=""))


def overdue(reader: User) -> QuerySet[Corrective]:
    rows = unfinished(before=now().date())
    return rows.filter(finding__incident__in=incidents(reader, status=""))


def owed_by(reader: User) -> QuerySet[Corrective]:
    """What the reader has to do about incidents, the most urgent first."""
    return unfinished().filter(owner=reader, finding__incident__in=incidents(reader, status=""))
