"""The level that bounds agents: it falls by itself, and rises only by a person of the council."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.readiness import directory
from apps.readiness.models import Assessment, Process
from apps.readiness.queries.assessments import newest
from apps.readiness.states import Level

OLDEST = dt.timedelta(days=90)


def take_up(assessment: Assessment) -> None:
    """Within the transaction that ends an assessment: a lower level holds at once. What was never
    assessed is bound like Not yet, so that only this first level needs nobody."""
    process = Process.lock(assessment.process_id)
    first = process.level == Level.UNKNOWN and assessment.level == Level.NOT_YET
    if newest(process) != assessment or not (first or assessment.level < process.level):
        return
    move(process, assessment, "It was measured.")


def move(process: Process, assessment: Assessment, why: str) -> None:
    before = process.level
    changed = process.compare_and_set(
        where={"level": before}, level=assessment.level, level_from=assessment.number
    )
    if not changed:
        raise Conflict("The level was moved meanwhile.")
    directory.bump()
    record(
        type="readiness.level_moved",
        object=process,
        before={"level": before},
        after={"level": process.level, "assessment": assessment.reference},
        reason=why,
        typed=False,
    )


@permitted("readiness.accept")
@transaction.atomic
def accept(*, actor: User, assessment: Assessment, reason: str) -> Process:
    """Lets agents go as far in the process as this assessment found. Not by who owns the process
    or asked for the measurement, only for the newest one, and while it is fresh."""
    reason = reason.strip()
    if not reason:
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    process = Process.lock(assessment.process_id)
    row = Assessment.objects.select_for_update().get(pk=assessment.pk)
    if actor.pk in (process.owner_id, row.asked_by_id):
        raise NotPermitted(
            "Whoever owns the process or asked for this assessment does not accept its level."
        )
    if newest(process) != row:
        raise Conflict("A newer assessment counts by now.")
    if now() - row.created_at > OLDEST:
        raise Conflict(f"It is older than {OLDEST.days} days. Measure again first.")
    if row.level <= process.level:
        raise Conflict("The process has this level already.")
    won = Assessment.objects.filter(pk=row.pk, accepted_at=None).update(
        accepted_by=actor, accepted_at=now(), accepted_why=reason
    )
    if not won:
        raise Conflict("Somebody accepted it already.")
    move(process, row, "It was accepted.")
    record(
        type="readiness.level_accepted",
        object=row,
        after={"level": row.level, "process": process.slug},
        reason=reason,
    )
    return process
