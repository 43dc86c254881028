from __future__ import annotations

import datetime as dt
from collections import Counter

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.levels import WHOLE, percent
from apps.approvals.models import Scope
from apps.common.clock import now
from apps.common.errors import Absent
from apps.council import rules
from apps.council.models import Measure
from apps.council.queries.motions import SHOWN
from apps.council.queries.seats import live_seats
from apps.council.states import MeasureKind, MeasureStatus
from apps.policies.models import PolicyVersion
from apps.policies.states import EVALUATED
from apps.policies.text import compile_text
from apps.registry.models import Agent
from apps.registry.queries import in_flight, live_grants
from apps.runtime.models import Action

COUNTED = 10_000
ROWS = ("asked_by", "seconded_by", "motion")


def measures(reader: User, *, live: bool = True) -> list[Measure]:
    """Emergency measures that are asked for or in force (or the newest of all)."""
    if not holds(reader, "council.view"):
        return []
    rows = Measure.objects.select_related(*ROWS)
    if live:
        rows = rows.filter(status__in=(MeasureStatus.ASKED, MeasureStatus.IN_FORCE))
    return list(rows.order_by("-asked_at")[:SHOWN])


def measure(reader: User, number: int) -> Measure:
    found = Measure.objects.select_related(*ROWS).filter(number=number).first()
    if found is None or not holds(reader, "council.view"):
        raise Absent
    return found


def has_power(user: User) -> bool:
    """Whether the person may take emergency measures."""
    return live_seats().filter(user=user, function__in=rules.POWERS).exists()


def consequences(measure: Measure) -> list[str]:
    """What the measure stops, in numbers, as it stands now."""
    words = {
        MeasureKind.SUSPEND_AGENT: of_agent,
        MeasureKind.REVIEW_AGENT: of_review,
        MeasureKind.DENY_TOOL: of_tool,
        MeasureKind.FREEZE_POLICY: of_policy,
    }
    return words[MeasureKind(measure.kind)](measure.target)


def of_agent(slug: str) -> list[str]:
    agent = Agent.objects.filter(slug=slug).first()
    if agent is None:
        return ["The agent is gone."]
    begun = Counter(item.kind for item in in_flight(agent))
    waiting = ", ".join(f"{number} × {kind}" for kind, number in sorted(begun.items()))
    return [
        "Its next action is refused, whatever its permissions say.",
        f"Work that it has begun and not ended: {waiting or 'none'}. Its runs wait; questions that "
        "it put to people are withdrawn.",
        f"It acted {acted(agent=agent)} in the last 24 hours.",
    ]


def of_review(slug: str) -> list[str]:
    scopes = Scope.objects.filter(agent__slug=slug, held=False).select_related("agent")
    drawn = [row for row in scopes if percent(row.level, row.risk, held=False) < WHOLE]
    return [
        "The agent goes on working; whatever a checkpoint asks about goes to people, all of it.",
        f"Capabilities of which people see only a share today: {len(drawn)}.",
    ]


def of_tool(name: str) -> list[str]:
    agents = live_grants().filter(tool__name=name).values("agent").distinct().order_by().count()
    return [
        f"Every call of it is refused, for {agents} {'agent' if agents == 1 else 'agents'} with a "
        "permission.",
        f"It was called {acted(tool__name=name)} in the last 24 hours.",
    ]


def of_policy(slug: str) -> list[str]:
    version = PolicyVersion.objects.filter(policy__slug=slug, status__in=EVALUATED).first()
    if version is None:
        return ["No version of it is in force."]
    compiled = compile_text(version.text, policy=slug, version=version.number)
    effects = Counter(each.rule.effect for each in compiled)
    return [
        f"Its permissions stop: {effects['permit']}.",
        f"Its prohibitions and checkpoints stay: {effects['forbid']}.",
    ]


def acted(**where: object) -> str:
    since = now() - dt.timedelta(hours=24)
    newest = Action.objects.filter(at__gte=since, **where).order_by("-at").values("pk")
    number = newest[: COUNTED + 1].count()
    if number > COUNTED:
        return f"more than {COUNTED} times"
    return "once" if number == 1 else f"{number} times"
