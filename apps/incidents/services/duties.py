"""What has to be done in time and by whom: serious incidents and their periods, reports, the
council's review, and whether a correction helped."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.canonical import digest, plain
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents import clocks, queries
from apps.incidents.models import Corrective, Incident, RegulatoryClock, Report, Review
from apps.incidents.rules import ASI
from apps.incidents.services import evidence, tidings
from apps.incidents.services.moves import locked, move, refuse_owner
from apps.incidents.states import OVER, Kind, ReportKind, Status
from apps.ledger.services import record

WARNED = dt.timedelta(hours=24)
CHECKED_AFTER = dt.timedelta(days=30)


@permitted("incidents.command")
def classify(
    *,
    actor: User,
    incident: Incident,
    criteria: Collection[str],
    asi_codes: Collection[str],
    reason: str,
) -> Incident:
    """By which criteria it is a serious incident (none: it is not), and which agentic risks it
    shows. The periods run from when one first knew of it, whatever is changed later; evidence is
    kept from the moment it is serious."""
    if set(criteria) - set(clocks.CRITERIA) or set(asi_codes) - set(ASI):
        raise Invalid("Choose from the list.")
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    with transaction.atomic():
        row = locked(incident)
        refuse_owner(actor, row)
        if row.status in OVER:
            raise Conflict("This incident is over.")
        if criteria and row.kind == Kind.NEAR_MISS:
            raise Conflict("A near miss is no serious incident: triage it as harm done first.")
        before = {"criteria": row.serious_criteria, "asi": row.asi_codes}
        after = {"criteria": sorted(criteria), "asi": sorted(asi_codes)}
        Incident.objects.filter(pk=row.pk).update(
            serious_criteria=after["criteria"],
            asi_codes=after["asi"],
            aware_at=row.aware_at or now(),
        )
        row.refresh_from_db()
        record(type="incident.classified", object=row, reason=reason, before=before, after=after)
        set_clocks(row)
    if row.is_serious and row.hold_id is None:
        words = "Serious incident: the evidence stays (Art. 73(6))."
        row = evidence.keep_evidence(actor=actor, incident=row, reason=words)
    return row


def set_clocks(incident: Incident) -> None:
    """Exactly the periods that its criteria start; one that no longer applies is replaced, and
    none begins later because of it."""
    switched_on = settings.COUNCIL["CLOCKS"]
    wanted = clocks.running(incident.serious_criteria) if switched_on else []
    moment = now()
    live = RegulatoryClock.objects.filter(incident=incident, replaced_at=None)
    live.filter(met_at=None, set_aside_at=None).exclude(code__in=wanted).update(replaced_at=moment)
    known = set(live.values_list("code", flat=True))
    aware = incident.aware_at or moment
    for code in wanted:
        if code in known:
            continue
        row = RegulatoryClock(
            incident=incident, code=code, aware_at=aware, due_at=clocks.due(code, aware)
        )
        row.save(force_insert=True)
        record(
            type="incident.clock_started", object=incident,
            after={"clock": code, "due_at": row.due_at},
        )  # fmt: skip


@permitted("incidents.command")
@transaction.atomic
def meet(*, actor: User, clock_id: uuid.UUID, words: str) -> RegulatoryClock:
    """What was due is done, and how: who was told, when. After its time it says that it is late."""
    clock = RegulatoryClock.objects.select_related("incident").get(pk=clock_id)
    locked(clock.incident)
    if not words.strip():
        raise Invalid("Say who was told, and how.", fields={"words": ["Say who was told."]})
    return settle(clock, actor, met_at=now(), met_words=words.strip())


@permitted("incidents.close")
@transaction.atomic
def set_aside(*, actor: User, clock_id: uuid.UUID, reason: str) -> RegulatoryClock:
    """The period does not apply, and whoever may close answers for that."""
    clock = RegulatoryClock.objects.select_related("incident").get(pk=clock_id)
    refuse_owner(actor, locked(clock.incident))
    if not reason.strip():
        raise Invalid("Say why it does not apply.", fields={"reason": ["Say why."]})
    return settle(clock, actor, set_aside_at=now(), set_aside_why=reason.strip())


def settle(clock: RegulatoryClock, actor: User, **changes: Any) -> RegulatoryClock:
    rows = RegulatoryClock.objects.filter(
        pk=clock.pk, met_at=None, set_aside_at=None, replaced_at=None
    )
    if not rows.update(by_label=str(actor), **changes):
        raise Conflict("This period runs no more.")
    clock.refresh_from_db()
    met = clock.met_at is not None
    record(
        type="incident.clock_met" if met else "incident.clock_set_aside",
        object=clock.incident,
        reason=clock.met_words or clock.set_aside_why,
        after={"clock": clock.code, "late": bool(clock.met_at and clock.met_at > clock.due_at)},
    )
    return clock


@permitted("incidents.command")
@transaction.atomic
def prepare_report(
    *, actor: User, incident: Incident, kind: str, recipient: str, told: dict[str, str]
) -> Report:
    """The report as it stands now, from the record and from what was typed (`told`, by the names
    of `queries.TOLD`). It is kept as it is; a later one is another report."""
    row = locked(incident)
    if kind not in ReportKind.values or not recipient.strip():
        raise Invalid("Say who is told.", fields={"recipient": ["Say who is told."]})
    body = plain(queries.report_body(row, told))
    made = Report(
        incident=row, kind=kind, recipient=recipient.strip()[:200], body=body,
        digest=digest(body), made_at=now(), made_by_label=str(actor),
    )  # fmt: skip
    made.save(force_insert=True)
    record(
        type="incident.report_prepared", object=row,
        after={"report": made.pk, "kind": kind, "recipient": made.recipient, "digest": made.digest},
    )  # fmt: skip
    return made


@permitted("incidents.command")
@transaction.atomic
def mark_sent(*, actor: User, report_id: uuid.UUID, reference: str) -> Report:
    """It went out, under whichever reference its recipient gave. The period of Art. 73 is met."""
    report = Report.objects.select_related("incident").get(pk=report_id)
    incident = locked(report.incident)
    moment = now()
    rows = Report.objects.filter(pk=report.pk, sent_at=None)
    if not rows.update(sent_at=moment, reference=reference.strip()[:200]):
        raise Conflict("It was sent already.")
    record(
        type="incident.report_sent", object=incident, reason=reference,
        after={"report": report.pk, "digest": report.digest},
    )  # fmt: skip
    for clock in queries.open_clocks(incident).filter(code__in=clocks.REPORTS):
        words = f"{report.get_kind_display()} to {report.recipient}"
        settle(clock, actor, met_at=moment, met_words=words)
    report.refresh_from_db()
    return report


@permitted("incidents.close")
@transaction.atomic
def hold_review(
    *,
    actor: User,
    incident: Incident,
    attendees: Sequence[User],
    decisions: str,
    dissent: str = "",
    skipped: bool = False,
) -> Review:
    """The council's meeting about it, with who was there and what was decided; or why there is
    none. The minutes carry their digest."""
    row = locked(incident)
    refuse_owner(actor, row)
    if row.status != Status.IN_REVIEW:
        raise Conflict("It is reviewed once its timeline is confirmed and it is put to review.")
    if not decisions.strip():
        words = "Say why there is no meeting." if skipped else "Write down what was decided."
        raise Invalid(words, fields={"decisions": [words]})
    if not skipped and len({user.pk for user in attendees}) < 2:
        raise Invalid("A meeting has two people at least.", fields={"attendees": ["Two at least."]})
    hidden = queries.subjects_of(row)
    if hidden & {user.pk for user in attendees}:
        raise NotPermitted("Whom it is about is not in its review.")
    moment = now()
    minutes = plain(
        {
            "incident": row.reference,
            "held_at": moment,
            "attendees": sorted(str(user) for user in attendees),
            "decisions": decisions.strip(),
            "dissent": dissent.strip(),
            "findings": [each.text for each in row.findings.order_by("at")],
            "skipped": skipped,
        }
    )
    made = Review(
        incident=row, held_at=moment, attendees=minutes["attendees"],
        decisions=decisions.strip(), dissent=dissent.strip(), skipped=skipped,
        digest=digest(minutes), by_label=str(actor),
    )  # fmt: skip
    made.save(force_insert=True)
    record(
        type="incident.review_skipped" if skipped else "incident.review_held",
        object=row, reason=decisions, after={"digest": made.digest},
    )  # fmt: skip
    return made


@permitted("incidents.command")
@transaction.atomic
def plan_check(*, actor: User, action_id: uuid.UUID, on: dt.date, metric: str) -> Corrective:
    """When it is looked at whether the correction helped, and by what."""
    action = Corrective.objects.select_related("finding__incident").get(pk=action_id)
    locked(action.finding.incident)
    if on <= now().date() or not metric.strip():
        raise Invalid(
            "Choose a day to come, and what is looked at.", fields={"metric": ["Name it."]}
        )
    rows = Corrective.objects.filter(pk=action.pk, checked_at=None)
    if not rows.update(check_on=on, check_metric=metric.strip()[:300]):
        raise Conflict("It was checked already.")
    record(
        type="incident.check_planned", object=action.finding.incident, reason=metric,
        after={"action": action.pk, "on": on},
    )  # fmt: skip
    action.refresh_from_db()
    return action


@permitted("incidents.command")
@transaction.atomic
def check(*, actor: User, action_id: uuid.UUID, helped: bool, words: str) -> Corrective:
    """Whether it helped, by somebody who did not do it. Where it did not, a closed incident is
    opened again."""
    action = Corrective.objects.select_related("finding__incident").get(pk=action_id)
    incident = locked(action.finding.incident)
    if action.owner_id == actor.pk:
        raise NotPermitted("Somebody other than who did it looks whether it helped.")
    if not words.strip():
        raise Invalid("Say what you found.", fields={"words": ["Say what you found."]})
    moment = now()
    changes = {} if helped else {"failed_at": moment}
    rows = Corrective.objects.filter(pk=action.pk, checked_at=None, done_at__isnull=False)
    if not rows.update(
        checked_at=moment, checked_by_label=str(actor), checked_words=words.strip(), **changes
    ):
        raise Conflict("It is not done yet, or was checked already.")
    record(
        type="incident.check_passed" if helped else "incident.check_failed",
        object=incident, reason=words, after={"action": action.pk},
    )  # fmt: skip
    if not helped and incident.status == Status.CLOSED:
        move(
            incident, Status.TRIAGED, "incident.reopened", reason="A correction did not help.",
            closed_at=None, contained_at=None, containment="", confirmed_by=[],
        )  # fmt: skip
    action.refresh_from_db()
    return action


def check_day(verified_at: dt.datetime) -> dt.date:
    """When a correction is looked at again, if nobody says otherwise."""
    return (verified_at + CHECKED_AFTER).date()


def tell_due() -> int:
    """Responders hear of a period once, a day before it ends; where none of them may, it waits for
    one who may."""
    moment = now()
    due = RegulatoryClock.objects.filter(
        met_at=None, set_aside_at=None, replaced_at=None, due_at__lte=moment + WARNED, told_at=None
    )
    told = 0
    for clock in due.select_related("incident").order_by("due_at")[:100]:
        people = tidings.hearing(clock.incident, tidings.responders(clock.incident))
        with transaction.atomic():
            untold = RegulatoryClock.objects.filter(pk=clock.pk, told_at=None)
            if not people or not untold.update(told_at=moment):
                continue
            article = clocks.CLOCKS[clock.code].article
            words = f"{article} is due {clock.due_at:%d %b %H:%M} UTC"
            tidings.tell(clock.incident, people, words, urgent=True)
            told += 1
    return told
