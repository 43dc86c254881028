"""Findings, and what is done about them."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents import queries
from apps.incidents.models import Corrective, Finding, Incident, Lesson
from apps.incidents.services.moves import locked
from apps.incidents.states import ActionType, Status
from apps.ledger.services import record
from apps.policies import services as policies
from apps.policies.models import JudgedRequest, Policy
from apps.policies.states import CaseOrigin
from apps.runtime.models import Action

MOST_OF_A_RECORD = 60
OPEN = (Status.INVESTIGATING, Status.IN_REVIEW, Status.CORRECTIVE)


@permitted("incidents.command")
@transaction.atomic
def add_finding(*, actor: User, incident: Incident, text: str) -> Finding:
    """One factor that contributed: of the arrangement, not of a person."""
    row = locked(incident)
    if row.status not in OPEN:
        raise Conflict("Findings are written while it is investigated or reviewed.")
    if not text.strip():
        raise Invalid("Write what contributed.", fields={"text": ["Write what contributed."]})
    made = Finding(incident=row, text=text.strip(), author_label=str(actor), at=now())
    made.save(force_insert=True)
    record(type="incident.finding_added", object=row, reason=text, after={"finding": made.pk})
    return made


@permitted("incidents.close")
@transaction.atomic
def accept_risk(*, actor: User, finding: Finding, reason: str) -> None:
    """Nothing is done about it, and somebody who may close answers for that."""
    if not reason.strip():
        raise Invalid("Say why the risk is accepted.", fields={"reason": ["Say why."]})
    rows = Finding.objects.filter(pk=finding.pk, accepted="", actions__isnull=True)
    if not rows.update(accepted=reason.strip(), accepted_by_label=str(actor)):
        raise Conflict("It has an action, or its risk is accepted already.")
    record(
        type="incident.risk_accepted", object=finding.incident, reason=reason,
        after={"finding": finding.pk},
    )  # fmt: skip


@permitted("incidents.command")
@transaction.atomic
def add_action(
    *,
    actor: User,
    finding: Finding,
    type: str,
    text: str,
    owner: User,
    due_on: dt.date,
    policy: str = "",
    motion: int | None = None,
) -> Corrective:
    """What is done about a finding, by whom and until when."""
    incident = locked(finding.incident)
    if incident.status not in OPEN:
        raise Conflict("This incident is at another stage.")
    if type not in ActionType.values or not text.strip():
        raise Invalid("Say what is done.", fields={"text": ["Say what is done."]})
    if due_on < now().date():
        raise Invalid("Choose a day to come.", fields={"due_on": ["It is past."]})
    made = Corrective(
        finding=finding, type=type, text=text.strip(), owner=owner, due_on=due_on, policy=policy,
        motion=motion,
    )  # fmt: skip
    made.save(force_insert=True)
    record(
        type="incident.action_added", object=incident, reason=text,
        after={"owner": str(owner), "due_on": due_on, "type": type, "motion": motion},
    )  # fmt: skip
    return made


@permitted("incidents.command")
@transaction.atomic
def keep_lesson(
    *, actor: User, action_id: uuid.UUID, policy: Policy, step: uuid.UUID, expected: str
) -> Lesson:
    """A recorded action of the incident becomes a test of a policy, with the facts of that moment:
    from now on no version can be proposed that would let it pass. `expected` is deny or review."""
    action = Corrective.objects.select_related("finding__incident").get(pk=action_id)
    incident = locked(action.finding.incident)
    if incident.status not in OPEN:
        raise Conflict("This incident is at another stage.")
    if expected not in ("deny", "review"):
        raise Invalid("A lesson is stopped, or put to people.")
    acts = queries.acts_of(incident).filter(pk=step, judged_id__isnull=False)
    found = acts.select_related("tool").first()
    judged = (
        JudgedRequest.objects.filter(pk=found.judged_id).first()
        if found and found.judged_id
        else None
    )
    if found is None or judged is None:
        raise Invalid("Choose an action of this incident that the policies judged.")
    if Lesson.objects.filter(corrective=action, action_ref=found.pk).exists():
        raise Conflict("It is kept already.")
    case = policies.save_case(
        actor=actor,
        policy=policy,
        name=name_for(incident, found),
        request=judged.request,
        expected=expected,
        origin=CaseOrigin.INCIDENT,
    )
    if action.policy != policy.slug:
        Corrective.objects.filter(pk=action.pk).update(policy=policy.slug)
    lesson = Lesson(corrective=action, case=case, action_ref=found.pk)
    lesson.save(force_insert=True)
    record(
        type="incident.lesson_kept", object=incident,
        after={"policy": policy.slug, "action": found.pk, "expected": expected},
    )  # fmt: skip
    return lesson


def name_for(incident: Incident, action: Action) -> str:
    """By its incident, its tool, the record it was about, and its moment."""
    words = queries.touched([action])[action.pk]
    about = f", {words[:MOST_OF_A_RECORD]}" if words else ""
    return f"{incident.reference}: {action.tool_name}{about}, {action.at:%d %b %Y %H:%M:%S} UTC"


@permitted("incidents.report")
@transaction.atomic
def mark_done(*, actor: User, action_id: uuid.UUID) -> None:
    """The one who was to do it says that it is done."""
    action = Corrective.objects.select_related("finding__incident").get(pk=action_id)
    if action.owner_id != actor.pk:
        raise NotPermitted(f"{action.owner} was to do this, and says so.")
    if not Corrective.objects.filter(pk=action.pk, done_at=None).update(done_at=now()):
        raise Conflict("It is done already.")
    record(type="incident.action_done", object=action.finding.incident, after={"action": action.pk})


@permitted("incidents.command")
@transaction.atomic
def verify(*, actor: User, action_id: uuid.UUID, how: str) -> None:
    """Somebody else looked whether it works, and says how."""
    action = Corrective.objects.select_related("finding__incident").get(pk=action_id)
    if action.owner_id == actor.pk:
        raise NotPermitted("Somebody other than who did it finds that it works.")
    if not how.strip():
        raise Invalid("Say how you know that it works.", fields={"how": ["Say how you know."]})
    rows = Corrective.objects.filter(pk=action.pk, done_at__isnull=False, verified_at=None)
    if not rows.update(verified_at=now(), verified_by_label=str(actor), verified_how=how.strip()):
        raise Conflict("It is not done yet, or verified already.")
    record(
        type="incident.action_verified", object=action.finding.incident, reason=how,
        after={"action": action.pk},
    )  # fmt: skip
