"""The rail: one entry per job. Composed here, because no app knows all the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.queries import waiting_count
from apps.audit.queries.scope import scope_of
from apps.council.queries import owed
from apps.pilots.catalogue import pilots


@dataclass(frozen=True)
class Place:
    label: str
    url_name: str
    key: str
    permission: str = ""
    whole: bool = False  # shows the whole organisation: not for whoever's role is limited


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place("Overview", "council:overview", "h"),
            Place("Inbox", "approvals:inbox", "i"),
        ),
    ),
    (
        "Govern",
        (
            Place("Policies", "policies:policies", "p", "policies.view"),
            Place("Decisions", "council:decisions", "d", "council.view"),
            Place("Council", "council:council", "", "council.view"),
            Place("Incidents", "incidents:incidents", "n", "incidents.view"),
            Place("Readiness", "readiness:portfolio", "t", "readiness.view"),
            Place("Vigilance", "approvals:vigilance", "", "vigilance.manage"),
        ),
    ),
    (
        "Operate",
        (
            Place("Agents", "registry:agents", "a", "agents.view"),
            Place("Runs", "orchestration:runs", "r", "runs.view"),
        ),
    ),
    (
        "Assure",
        (
            Place("Audit log", "audit:events", "l", "audit.view"),
            Place("Evidence packs", "evidence:packs", "e", "evidence.build"),
            Place("As it was", "audit:moment", "", "audit.view", True),
            Place("Access review", "audit:access", "", "audit.view", True),
            Place("Frameworks", "audit:frameworks", "", "audit.view", True),
        ),
    ),
    (
        "Settings",
        (
            Place("People", "access:people", "", "people.manage"),
            Place("Training", "approvals:training", "", "people.manage"),
        ),
    ),
)


COUNTS: dict[str, Callable[[Any], int]] = {
    "approvals:inbox": waiting_count,
    "council:decisions": lambda user: owed(user).count(),
}


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context `nav`: groups of entries that the person may open, with what waits in the inbox."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"nav": []}
    groups = [group(request, label, places) for label, places in with_pilots()]
    return {"nav": [found for found in groups if found["items"]]}


def with_pilots() -> list[tuple[str, tuple[Place, ...]]]:
    found = tuple(Place(pilot.title, pilot.url_name, "", "pilots.view") for pilot in pilots())
    return [(label, places + found if label == "Operate" else places) for label, places in GROUPS]


def group(request: HttpRequest, label: str, places: tuple[Place, ...]) -> dict[str, Any]:
    items = [entry(request, place) for place in places if open_to(request, place)]
    return {"label": label, "items": items}


def here(path: str) -> Place | None:
    """The entry whose address the path lies under most closely: one alone is the current one."""
    places = [place for _, group in with_pilots() for place in group]
    under = {
        place: len(url)
        for place in places
        for url in [reverse(place.url_name)]
        if path == url or (url != "/" and path.startswith(url))
    }
    return max(under, key=lambda place: under[place]) if under else None


def open_to(request: HttpRequest, place: Place) -> bool:
    if place.permission and not holds(request.user, place.permission):
        return False
    return not (place.whole and scope_of(cast(User, request.user)).terms)


def entry(request: HttpRequest, place: Place) -> dict[str, Any]:
    url = reverse(place.url_name)
    inside = place == here(request.path)
    count = COUNTS[place.url_name](request.user) if place.url_name in COUNTS else None
    return {"label": place.label, "url": url, "key": place.key, "count": count, "current": inside}
