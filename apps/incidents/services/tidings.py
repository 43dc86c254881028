"""Who is told what of incidents, inside the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holders
from apps.approvals import notices
from apps.incidents import queries
from apps.incidents.models import Containment, Incident
from apps.incidents.states import Severity

GRAVE = (Severity.CRITICAL, Severity.HIGH)


def tell(incident: Incident, people: Iterable[User], words: str, *, urgent: bool = False) -> None:
    """Each of them once, unless it must be kept from them."""
    hidden = queries.subjects_of(incident)
    found = {user.pk: user for user in people if user.is_active and user.pk not in hidden}
    if found:
        notices.tell(
            users=found.values(),
            title=f"{words}: {incident}",
            url=reverse("incidents:incident", args=[incident.number]),
            urgent=urgent,
        )


def responders(incident: Incident) -> list[User]:
    return list(holders("incidents.command"))


def owners(incident: Incident) -> list[User]:
    return [agent.owner for agent in queries.agents_of(incident)]


def opened(incident: Incident) -> None:
    """At severity 1 and 2 everybody who can answer it is told at once; below, the owners."""
    grave = incident.severity in GRAVE
    people = [*owners(incident), *(responders(incident) if grave else ())]
    tell(incident, people, "Incident", urgent=grave)


def concerned(incident: Incident, person: User) -> None:
    """All that somebody whom it is about hears of it."""
    notices.tell(
        users=[person],
        title="An incident concerns you. Others look into it; they will come to you.",
        url="/",
    )


def uncontained(incident: Incident) -> None:
    """Something could not be stopped: whoever can answer is told until it is."""
    tell(incident, responders(incident), "Not contained", urgent=True)


def lapsed(containment: Containment) -> None:
    people = [containment.owner] if containment.owner else responders(containment.incident)
    tell(containment.incident, people, f"{containment} has lapsed", urgent=True)
