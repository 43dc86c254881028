"""The emergency measure: two of security, compliance and chair restrict at once; it ends by
itself, and what was before comes back (council.md 4.2). It can never loosen: there is no verb
for that here."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import loosening
from apps.approvals.models import Scope
from apps.approvals.services import tighten
from apps.common.acting import acting
from apps.common.canonical import plain
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted, Refused
from apps.common.numbering import save_numbered
from apps.council.models import Measure, Motion
from apps.council.queries import has_power
from apps.council.rules import ANNOUNCED_HOURS, EMERGENCY_DAYS, EXTENDED_DAYS, REPORT_DAYS
from apps.council.services import tidings
from apps.council.services.ballots import opened
from apps.council.services.common import days, move, said
from apps.council.services.proposals import new_motion
from apps.council.states import Kind, MeasureKind, MeasureStatus, MotionStatus
from apps.ledger.services import record
from apps.policies import adoption
from apps.policies.models import Policy, PolicyVersion
from apps.policies.states import EVALUATED, VersionStatus
from apps.registry import holds
from apps.registry.models import Agent, Tool

log = logging.getLogger(__name__)


def require_power(actor: User) -> None:
    if not has_power(actor):
        raise NotPermitted("Security, compliance and the chair take emergency measures.")


def target_of(kind: str, target: str) -> Any:
    """The agent, tool or policy that a measure is about. Raises Invalid when there is none."""
    rows: dict[str, Callable[[], Any]] = {
        MeasureKind.SUSPEND_AGENT: lambda: Agent.objects.filter(slug=target).first(),
        MeasureKind.REVIEW_AGENT: lambda: Agent.objects.filter(slug=target).first(),
        MeasureKind.DENY_TOOL: lambda: Tool.objects.filter(name=target).first(),
        MeasureKind.FREEZE_POLICY: lambda: Policy.objects.filter(slug=target).first(),
    }
    found = rows[kind]() if kind in rows else None
    if found is None:
        raise Invalid("Choose what to restrict.", fields={"target": ["There is no such thing."]})
    return found


@permitted("council.sit")
def ask_measure(*, actor: User, kind: str, target: str, reason: str) -> Measure:
    """The first of two people. Nothing happens until a second one agrees."""
    require_power(actor)
    reason = said(reason, "Say what the danger is.")
    found = target_of(kind, target)
    refuse_owner(actor, found)
    measure = Measure(
        kind=kind,
        target=target,
        target_label=str(found)[:200],
        reason=reason,
        asked_by=actor,
        asked_at=now(),
    )
    if left(kind, target) <= dt.timedelta(0):
        raise Conflict("The same measure has had its time; bring it to the council.", "repeated")
    try:
        with transaction.atomic():
            save_numbered(measure)
            record(type="measure.asked", object=measure, reason=reason)
            tidings.powers(measure)
    except IntegrityError:
        raise Conflict("There is a measure about this already.") from None
    return measure


def refuse_owner(actor: User, found: Any) -> None:
    if isinstance(found, Agent) and actor.pk in (found.owner_id, found.created_by_id):
        raise NotPermitted("Not on one's own agent.")


def left(kind: str, target: str) -> dt.timedelta:
    """How long the same measure may still be in force without the council: what was taken of its
    three days within the last two weeks is not given again, whether it lapsed or was lifted."""
    since = now() - days(EXTENDED_DAYS)
    ended = Measure.objects.filter(
        kind=kind, target=target, began_at__isnull=False, ended_at__gt=since
    )
    taken = (row.ended_at - row.began_at for row in ended if row.ended_at and row.began_at)
    return days(EMERGENCY_DAYS) - sum(taken, dt.timedelta(0))


@permitted("council.sit")
@transaction.atomic
def second_measure(*, actor: User, measure: Measure) -> Measure:
    """The second person: the measure is in force at once, for three days."""
    require_power(actor)
    row = Measure.objects.select_for_update().get(pk=measure.pk)
    if row.asked_by_id == actor.pk:
        raise NotPermitted("Another person has to agree.")
    found = target_of(row.kind, row.target)
    refuse_owner(actor, found)
    moment = now()
    ends_at = moment + max(left(row.kind, row.target), dt.timedelta(0))
    restored = restrict(row, found)
    rows = Measure.objects.filter(pk=row.pk, status=MeasureStatus.ASKED).update(
        status=MeasureStatus.IN_FORCE,
        seconded_by=actor,
        began_at=moment,
        ends_at=ends_at,
        restored=None if restored else False,
    )
    if not rows:
        raise Conflict("This measure is not waiting for a second person any more.")
    row.refresh_from_db()
    record(type="measure.began", object=row, reason=row.reason, after={"ends_at": row.ends_at})
    motion = ratification(actor, row)
    Measure.objects.filter(pk=row.pk).update(motion=motion)
    row.motion = motion
    tidings.measured(row, "Emergency measure in force")
    return row


def ratification(actor: User, measure: Measure) -> Motion:
    """The ballot that a measure opens by itself: may it go on for two weeks?"""
    until = (measure.began_at or now()) + days(EXTENDED_DAYS)
    packet = plain(
        {
            "measure": str(measure),
            "reason": measure.reason,
            "asked_by": str(measure.asked_by),
            "seconded_by": str(measure.seconded_by),
            "ends_at": measure.ends_at,
            "until": until,
        }
    )
    motion = new_motion(
        actor=actor,
        kind=Kind.RATIFY,
        title=f"{measure.reference} goes on until {until:%d %b %Y %H:%M} UTC",
        rationale=measure.reason,
        subject=f"measure:{measure.pk}",
        payload=plain({"measure": str(measure.pk), "until": until.isoformat()}),
        packet=packet,
        agent=Agent.objects.filter(slug=measure.target).first()
        if measure.kind in (MeasureKind.SUSPEND_AGENT, MeasureKind.REVIEW_AGENT)
        else None,
    )
    moment = now()
    move(motion, MotionStatus.COMMENT, seconder=measure.asked_by, comment_ends_at=moment,
         note="Opened by the emergency measure.")  # fmt: skip
    return opened(motion, moment, closes=measure.ends_at)


def mark_of(measure: Measure) -> str:
    """How what a measure did is known again at its end."""
    return f"Emergency measure {measure.reference}:"


def restrict(measure: Measure, found: Any) -> bool:
    """The act itself. False when there was nothing left to restrict, and so nothing to restore."""
    reason = f"{mark_of(measure)} {measure.reason}"
    if measure.kind == MeasureKind.REVIEW_AGENT:
        if not tighten(agent=found, reason=reason):
            raise Conflict("Every action of it is before people already.")
        return True
    if isinstance(found, Agent):
        return holds.hold_agent(agent=found, by=measure.reference, reason=reason)
    if isinstance(found, Tool):
        return holds.hold_tool(tool=found, by=measure.reference, reason=reason)
    version = PolicyVersion.objects.filter(policy=found, status__in=EVALUATED).first()
    if version is None or version.status == VersionStatus.SUSPENDED:
        raise Conflict("No version of this policy is in force.")
    adoption.move_version(version=version, to=VersionStatus.SUSPENDED, reason=reason)
    return True


@permitted("council.sit")
def lift(*, actor: User, measure: Measure, reason: str) -> None:
    """Those who may take a measure may end it early; what was before comes back."""
    require_power(actor)
    end(measure, MeasureStatus.LIFTED, said(reason))


@permitted("council.sit")
@transaction.atomic
def give_report(*, actor: User, measure: Measure, text: str) -> None:
    """What happened and why it was an emergency, by those who took the measure, within two days.
    Late is on record as late; once given it stands."""
    row = Measure.objects.select_for_update().get(pk=measure.pk)
    if actor.pk not in (row.asked_by_id, row.seconded_by_id):
        raise NotPermitted("Those who took the measure report on it.")
    if row.began_at is None:
        raise Conflict("This measure never was in force.")
    text = said(text, "Say what happened.", "text")
    moment = now()
    rows = Measure.objects.filter(pk=row.pk, reported_at=None).update(
        report=text, reported_at=moment, reported_by_label=str(actor)
    )
    if not rows:
        raise Conflict("There is a report already.")
    row.refresh_from_db()
    late = moment > row.began_at + days(REPORT_DAYS)
    record(type="measure.reported", object=row, reason=text, after={"late": late})
    tidings.measured(row, "Report on an emergency measure")


def end(measure: Measure, to: str, note: str) -> None:
    with transaction.atomic():
        row = Measure.objects.select_for_update().get(pk=measure.pk)
        rows = Measure.objects.filter(pk=row.pk, status=MeasureStatus.IN_FORCE).update(
            status=to, ended_at=now(), ended_note=note
        )
        if not rows:
            raise Conflict("This measure has ended already.")
        restore(row, note)
        record(type=f"measure.{to}", object=row, reason=note)
        words = "lapsed" if to == MeasureStatus.LAPSED else "was lifted"
        tidings.measured(row, f"Emergency measure {words}")


def restore(measure: Measure, note: str) -> None:
    """What was before, if it is still as the measure left it."""
    reason = f"{measure.reference} ended: {note}"
    resume = measure.restored is None
    found = target_of(measure.kind, measure.target)
    if measure.kind == MeasureKind.REVIEW_AGENT:
        mine = Scope.objects.filter(agent=found, held_reason__startswith=mark_of(measure))
        for scope in mine.filter(held=True):
            loosening.lift(scope=scope, reason=reason)
    elif isinstance(found, Agent):
        holds.release_agent(agent=found, by=measure.reference, reason=reason, resume=resume)
    elif isinstance(found, Tool):
        holds.release_tool(tool=found, by=measure.reference, reason=reason, resume=resume)
    else:
        version = PolicyVersion.objects.filter(policy=found, status=VersionStatus.SUSPENDED).first()
        if version is not None:
            adoption.enforce(version=version, reason=reason)
    Measure.objects.filter(pk=measure.pk).update(restored=resume)


def announce(moment: dt.datetime) -> None:
    """24 and 4 hours (of council days) before the end; each once, the nearest only when late."""
    running = Measure.objects.filter(status=MeasureStatus.IN_FORCE, ends_at__gt=moment)
    for measure in running:
        if measure.ends_at is None:
            continue
        remaining = measure.ends_at - moment
        due = sum(remaining <= days(1) * hours / 24 for hours in ANNOUNCED_HOURS)
        with transaction.atomic():
            rows = Measure.objects.filter(pk=measure.pk, announced__lt=due)
            if due and rows.update(announced=due):
                words = "Last hours of an" if due > 1 else "Ends within a day:"
                tidings.measured(measure, f"{words} emergency measure")


def sweep() -> None:
    """Announces and lapses what is over, however long the scheduler was down, and drops what
    nobody seconded."""
    moment = now()
    announce(moment)
    for measure in Measure.objects.filter(status=MeasureStatus.IN_FORCE, ends_at__lte=moment):
        with acting(kind="system", label=f"council {measure.reference}"):
            try:
                end(measure, MeasureStatus.LAPSED, "Its time was over.")
            except Refused as error:
                log.warning("%s could not lapse: %s", measure.reference, error.sentence)
    patience = moment - dt.timedelta(seconds=int(settings.COUNCIL["DAY_SECONDS"]))
    Measure.objects.filter(status=MeasureStatus.ASKED, asked_at__lte=patience).update(
        status=MeasureStatus.REFUSED, ended_at=moment, ended_note="Nobody seconded it in time."
    )
