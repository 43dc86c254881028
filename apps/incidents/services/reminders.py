"""Corrections that are late, and checks that are due: each told once, to who can do something."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.common.clock import now
from apps.incidents import queries
from apps.incidents.models import Corrective
from apps.incidents.services import tidings
from apps.ledger.services import record

ESCALATED_AFTER = dt.timedelta(days=7)
MOST = 100


def remind_due() -> int:
    """The owner of a correction hears on the day after its last; a week later whoever leads the
    incident does (all who can answer it, where nobody leads); who leads also hears when it is time
    to look whether it helped. Whoever may not hear of the incident is passed over: the owner for
    the nearest above them who may, and these for who leads. Answers how many were told of."""
    return remind_owners() + escalate() + remind_of_checks()


def remind_owners() -> int:
    rows = queries.unfinished(before=now().date()).filter(reminded_at=None)
    return sum(remind_owner(row) for row in rows[:MOST])


def remind_owner(row: Corrective) -> bool:
    people = tidings.nearest(row.finding.incident, tidings.upwards(row.owner))
    own = people == [row.owner]
    words = "Your correction is late" if own else f"A correction of {row.owner} is late"
    return once(row, "reminded_at", "incident.action_reminded", people, words)


def escalate() -> int:
    rows = queries.unfinished(before=now().date() - ESCALATED_AFTER).filter(escalated_at=None)
    return sum(
        once(row, "escalated_at", "incident.action_escalated", leads(row), "Late for a week")
        for row in rows[:MOST]
    )


def remind_of_checks() -> int:
    rows = queries.checks().filter(check_told_at=None)
    return sum(
        once(
            row, "check_told_at", "incident.check_reminded", leads(row), "Time to see if it helped"
        )
        for row in rows[:MOST]
    )


def leads(row: Corrective) -> list[User]:
    return tidings.leading(row.finding.incident)


@transaction.atomic
def once(row: Corrective, stamp: str, act: str, people: Sequence[User], words: str) -> bool:
    """Whoever stamps it tells of it: two sweeps at once tell once. Where nobody may hear of it
    now, it waits unstamped for somebody who may."""
    unstamped: dict[str, Any] = {stamp: None}
    if not people or not Corrective.objects.filter(pk=row.pk, **unstamped).update(**{stamp: now()}):
        return False
    tidings.tell(row.finding.incident, people, f"{words}: {row}", urgent=True)
    record(
        type=act,
        object=row.finding.incident,
        after={"action": row.pk, "due_on": row.due_on, "told": [person.pk for person in people]},
    )
    return True
