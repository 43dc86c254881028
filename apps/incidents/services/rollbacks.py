"""Taking back everything that an agent did in a window: each action by itself, newest first, by
the gate's own undo; one that cannot be taken back does not keep the others."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.db import transaction
from django.db.models import F

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.incidents import queries
from apps.incidents.models import Incident, Rollback, RollbackItem
from apps.incidents.services.moves import locked, refuse_owner
from apps.incidents.states import OVER, ItemStatus
from apps.ledger.services import record
from apps.runtime import gate

MOST_TRIES = 5
AGAIN = dt.timedelta(seconds=10)
# A worker that has not settled its item by then has died with it.
LEASE = dt.timedelta(seconds=90)


@permitted("runs.operate")
@transaction.atomic
def roll_back_window(
    *,
    actor: User,
    incident: Incident,
    agent: str,
    since: dt.datetime,
    until: dt.datetime,
    reason: str,
    only: Collection[uuid.UUID] | None = None,
) -> Rollback:
    """Begins to take back what the agent did from `since` to `until` (`only` of these actions, if
    given). The agent has to be stopped first, or it would go on doing it."""
    row = locked(incident)
    refuse_owner(actor, row)
    if row.status in OVER:
        raise Conflict("This incident is over.")
    found = next((each for each in queries.agents_of(row) if each.slug == agent), None)
    if found is None:
        raise Invalid("Choose an agent that the incident is about.")
    if found.status == "active":
        raise Conflict(f"Suspend {found} first: it would go on meanwhile.")
    if until <= since:
        raise Invalid("The window ends after it begins.", fields={"until": ["After the start."]})
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    items = queries.foreseen(agent, since, until)
    if only is not None:
        items = [item for item in items if item.action.pk in only]
    if not any(item.status == ItemStatus.WAITING for item in items):
        raise Conflict("Nothing in this window can be taken back.")
    moment = now()
    made = Rollback(
        incident=row, agent=agent, since=since, until=until, reason=reason.strip(), at=moment,
        by_label=str(actor),
    )  # fmt: skip
    made.save(force_insert=True)
    RollbackItem.objects.bulk_create(
        RollbackItem(
            rollback=made, action=item.action, place=place, status=item.status,
            words=item.words[:300], what=item.what[:200], due_at=moment,
            settled_at=None if item.status == ItemStatus.WAITING else moment,
        )
        for place, item in enumerate(items)
    )  # fmt: skip
    record(
        type="incident.rollback_begun", object=row, reason=reason,
        after={"agent": agent, "since": since, "until": until, "items": len(items)},
    )  # fmt: skip
    return made


def work_off(limit: int = 50) -> int:
    """Takes back the next items, in their order. Answers how many were settled."""
    settled = 0
    for _ in range(limit):
        item = claim()
        if item is None:
            return settled
        settled += take_back(item)
    return settled


def claim() -> RollbackItem | None:
    """The next item that is due, under a lease; one whose worker died comes again."""
    moment = now()
    due = RollbackItem.objects.filter(
        status__in=(ItemStatus.WAITING, ItemStatus.DOING), due_at__lte=moment
    )
    for row in due.select_related("rollback__incident").order_by("rollback", "place")[:5]:
        won = RollbackItem.objects.filter(pk=row.pk, status=row.status, due_at=row.due_at).update(
            status=ItemStatus.DOING, due_at=moment + LEASE, tries=F("tries") + 1
        )
        if won:
            row.refresh_from_db()
            return row
    return None


def take_back(item: RollbackItem) -> bool:
    rollback = item.rollback
    with acting(reason=f"{rollback.incident.reference}: {rollback.reason}"[:500]):
        outcome = gate.undo(action_id=item.action_id, reason=rollback.reason)
    if outcome.status == "retry" and item.tries < MOST_TRIES:
        RollbackItem.objects.filter(pk=item.pk, status=ItemStatus.DOING).update(
            status=ItemStatus.WAITING, due_at=now() + AGAIN, words=outcome.error[:300]
        )
        return False
    status = {"undone": ItemStatus.DONE, "done": ItemStatus.DONE}.get(
        outcome.status, ItemStatus.CHANGED if outcome.code == "moved" else ItemStatus.FAILED
    )
    words = "" if status == ItemStatus.DONE else outcome.error[:300]
    return bool(
        RollbackItem.objects.filter(pk=item.pk, status=ItemStatus.DOING).update(
            status=status, words=words, settled_at=now()
        )
    )
