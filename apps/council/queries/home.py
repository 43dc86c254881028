from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Count

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.queries import open_for, waiting_count
from apps.common.clock import now
from apps.council.queries.emergency import has_power, measures
from apps.council.queries.motions import owed
from apps.incidents.queries import incidents, owed_by
from apps.orchestration.models import Run
from apps.orchestration.queries import attention
from apps.policies.queries import in_force
from apps.registry.models import Agent
from apps.runtime.models import Action

COUNTED = 10_000


def overview(user: User) -> dict[str, Any]:
    """What needs this person, then how the agents are doing; only what they may see."""
    context: dict[str, Any] = {
        "waiting": waiting_count(user),
        "next": list(open_for(user).order_by("decide_by", "pk")[:5]),
        "attention": attention(user)[:5],
        "today": now().date(),
    }
    if holds(user, "council.view"):
        context["owed"] = list(owed(user).order_by("ballot_closes_at")[:5])
        context["measures"] = measures(user)
        context["has_power"] = bool(context["measures"]) and has_power(user)
    if holds(user, "incidents.view"):
        context["incidents"] = list(incidents(user).order_by("severity", "-detected_at")[:5])
        context["corrections"] = list(owed_by(user)[:5])
    if holds(user, "runs.view"):
        since = now() - dt.timedelta(hours=24)
        context["verdicts"] = verdicts(since)
        context["runs"] = Run.objects.select_related("workflow").order_by("-created_at")[:6]
    if holds(user, "agents.view"):
        context["agents"] = Agent.objects.select_related("owner").order_by("name")[:8]
    if holds(user, "policies.view"):
        context["policies"] = list(in_force())[:8]
    return context


def verdicts(since: dt.datetime) -> dict[str, int]:
    """How the newest actions of the window were judged; what is counted is bounded."""
    newest = Action.objects.filter(at__gte=since).order_by("-at", "-pk").values("pk")[:COUNTED]
    rows = Action.objects.filter(pk__in=newest).values("verdict").annotate(number=Count("pk"))
    found = {"allow": 0, "review": 0, "deny": 0}
    return found | {row["verdict"]: row["number"] for row in rows.order_by()}
