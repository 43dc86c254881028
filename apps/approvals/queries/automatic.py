"""What the gate asks about paths without a person: sampling, standing approvals, freezes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import Checkpoint, Freeze, StandingApproval
from apps.approvals.queries.rights import queue_ids
from apps.approvals.rules import NEEDS_WORDS, Limit, within
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent, Tool


def checkpoints_at(
    names: Sequence[str], *, agent_id: int, tool: str, at: dt.datetime
) -> tuple[dict[str, Checkpoint], bool, bool]:
    """The checkpoints that a judgement names, and in the same question whether a standing approval
    for each of them, and whether a freeze, has to be looked at besides."""
    standing = live_standing(at).filter(checkpoint=OuterRef("pk"), agent=agent_id, tool=tool)
    rows = Checkpoint.objects.filter(slug__in=names).annotate(
        has_standing=Exists(standing), has_freeze=Exists(live_freezes(at))
    )
    found = list(rows)
    consented = bool(found) and all(row.has_standing for row in found)
    return {row.slug: row for row in found}, consented, any(row.has_freeze for row in found)


def live_standing(at: dt.datetime) -> QuerySet[StandingApproval]:
    return StandingApproval.objects.filter(  # type: ignore[no-any-return]
        starts_at__lte=at, ends_at__gt=at, revoked_at=None
    )


def live_freezes(at: dt.datetime) -> QuerySet[Freeze]:
    return Freeze.objects.filter(  # type: ignore[no-any-return]
        starts_at__lte=at, ends_at__gt=at, ended_at=None
    )


def standing_for(
    *,
    agent: Agent,
    tool: Tool,
    risk: str,
    asks: Sequence[CheckpointAsk],
    arguments: Mapping[str, Any],
    at: dt.datetime,
) -> int | None:
    """The standing approval that covers this very call, with uses left. None where several people
    or checkpoints are asked, at a hard one, above medium risk, for what cannot be undone, and when
    whoever gave it leads the queue no more."""
    if len(asks) != 1 or asks[0].approvers > 1 or tool.effect == "irreversible":
        return None
    if risk in NEEDS_WORDS:
        return None
    rows = live_standing(at).filter(
        checkpoint__slug=asks[0].name,
        checkpoint__hard=False,
        checkpoint__approvers=1,
        checkpoint__queue__lead=F("granted_by"),
        granted_by__is_active=True,
        agent=agent,
        tool=tool.name,
        rule_key=asks[0].rule_id[:120],
    )
    for row in rows.annotate(used=Count("uses")).filter(used__lt=F("most")).order_by("ends_at"):
        if within([Limit(**limit) for limit in row.limits], arguments):
            return int(row.pk)
    return None


def freeze_at(*, tool: str, at: dt.datetime) -> Freeze | None:
    """The freeze that covers the tool now."""
    rows = live_freezes(at).select_related("queue__calendar", "queue__escalates_to__escalates_to")
    return next((row for row in rows if not row.tools or tool in row.tools), None)


def standing_seen_by(user: User) -> QuerySet[StandingApproval]:
    """Standing approvals of the person's queues, or all with approvals.view; newest first."""
    rows = StandingApproval.objects.select_related("checkpoint__queue", "agent", "granted_by")
    rows = rows.annotate(used=Count("uses"))
    if not holds(user, "approvals.view"):
        rows = rows.filter(checkpoint__queue__in=queue_ids(user))
    return rows.order_by("-starts_at", "-pk")  # type: ignore[no-any-return]


def freezes_ahead(at: dt.datetime) -> list[Freeze]:
    rows = Freeze.objects.filter(Q(ended_at=None), ends_at__gt=at).select_related("queue")
    return list(rows.order_by("starts_at"))
