"""Who is told what of incidents, inside the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    found = hearing(incident, people)
    if found:
        notices.tell(
            users=found,
            title=f"{words}: {incident}",
            url=reverse("incidents:incident", args=[incident.number]),
            urgent=urgent,
        )


def hearing(incident: Incident, people: Iterable[User]) -> list[User]:
    """Those of them, each once and in order, who may see incidents and whom this one is not
    about."""
    hidden = queries.subjects_of(incident)
    found = {user.pk: user for user in people if user.pk not in hidden}
    seeing = set(holders("incidents.view").filter(pk__in=found).values_list("pk", flat=True))
    return [user for pk, user in found.items() if pk in seeing]


def nearest(incident: Incident, people: Iterable[User]) -> list[User]:
    """The first of them who may hear of it; where none may, those who answer it."""
    return hearing(incident, people)[:1] or leading(incident)


def leading(incident: Incident) -> list[User]:
    """Who leads it, as long as they may; else all who can answer it. [] where nobody can."""
    able = hearing(incident, responders(incident))
    return [user for user in able if user.pk == incident.commander_id] or able


def upwards(user: User) -> Iterator[User]:
    """The person and everybody above, the nearest first."""
    seen: set[int] = set()
    at: User | None = user
    while at is not None and at.pk not in seen:
        yield at
        seen.add(at.pk)
        at = at.manager


def responders(incident: Incident) -> list[User]:
    return list(holders("incidents.command"))


def owners(incident: Incident) -> list[User]:
    return [agent.owner for agent in queries.agents_of(incident)]


def opened(incident: Incident) -> None:
    """At severity 1 and 2 everybody who can answer it is told at once; below, the owners."""
    grave = incident.severity in GRAVE
    people = [*owners(incident), *(responders(incident) if grave else ())]
    tell(incident, people, "Incident", urgent=grave)


def came_back(incident: Incident) -> None:
    """What was closed is open again: whoever led it is told, or who can answer it."""
    tell(incident, leading(incident), "It came back", urgent=True)


def jumped(incident: Incident, words: str) -> None:
    """A failure of an open incident comes far more often all at once."""
    tell(incident, leading(incident), f"Far more often: {words}", urgent=True)


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
    """Who answers for it is told; where they may not hear of it, who leads or can answer it."""
    incident = containment.incident
    people = nearest(incident, [containment.owner] if containment.owner else [])
    tell(incident, people, f"{containment} has lapsed", urgent=True)
