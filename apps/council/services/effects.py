"""What an adopted motion does. Runs as the system, inside the transaction that makes the motion
effective; a Refused leaves it `adopted`, and the council is told."""

from __future__ import annotations

import datetime as dt

from apps.access.models import User
from apps.approvals import loosening
from apps.approvals.models import Checkpoint, Scope
from apps.approvals.services import change_checkpoint
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.council.models import Charter, Measure, Motion, Seat
from apps.council.rules import CERTIFIED_DAYS
from apps.council.states import Kind, MeasureStatus
from apps.ledger.services import record
from apps.policies import adoption
from apps.readiness.services import weights
from apps.registry.models import Grant, Tool
from apps.registry.services import activate_agent, grant, revoke_grant


def take_effect(motion: Motion) -> None:
    EFFECTS[Kind(motion.kind)](motion)


def policy(motion: Motion) -> None:
    if motion.version is None:
        raise Conflict("The version is gone.")
    reason = f"Adopted by {motion.reference}."
    adoption.enforce(version=motion.version, reason=reason)
    on = (now() + dt.timedelta(days=CERTIFIED_DAYS)).date()
    adoption.set_review(policy=motion.version.policy, on=on, reason=reason)


def activation(motion: Motion) -> None:
    if motion.agent is None:
        raise Conflict("The agent is gone.")
    activate_agent(actor=None, agent=motion.agent, reason=f"Adopted by {motion.reference}.")


def permission(motion: Motion) -> None:
    """A new permission, or a wider scope in the place of the old one. The tool must still be the
    one that the council read about."""
    wanted = motion.payload
    tool = Tool.objects.filter(name=wanted["tool"]).first()
    if tool is None or motion.agent is None:
        raise Conflict(f"There is no tool named {wanted['tool']} any more.")
    if tool.pin != wanted["pin"]:
        raise Conflict(f"{tool.name} is no longer what the council read about.")
    reason = f"Adopted by {motion.reference}."
    for former in Grant.objects.filter(agent=motion.agent, tool=tool, revoked_at=None):
        revoke_grant(actor=None, grant=former, reason=reason)
    grant(
        actor=None,
        agent=motion.agent,
        tool=tool,
        scope=wanted["scope"],
        process=wanted.get("process", ""),
        expires_at=now() + dt.timedelta(days=wanted["days"]),
        reason=reason,
    )


def checkpoint(motion: Motion) -> None:
    """Another number of people, a share that is drawn, a level on, or the end of full review."""
    payload, reason = motion.payload, f"Adopted by {motion.reference}."
    if "scope" in payload or "lift" in payload:
        scope = Scope.objects.filter(pk=payload.get("scope") or payload["lift"]).first()
        if scope is None:
            raise Conflict("There is no such capability any more.")
        if "lift" in payload:
            loosening.lift(scope=scope, reason=reason)
        else:
            loosening.promote(scope=scope, to=payload["level"], reason=reason)
        return
    row = Checkpoint.objects.filter(slug=motion.payload["checkpoint"]).first()
    if row is None:
        raise Conflict("There is no such checkpoint any more.")
    if "rate" in payload:
        loosening.let_draw(checkpoint=row, rate=payload["rate"], reason=reason)
    else:
        change_checkpoint(checkpoint=row, approvers=payload["approvers"], reason=reason)


def rules(motion: Motion) -> None:
    payload = motion.payload
    if "seat" in payload:
        user = User.objects.get(pk=payload["seat"]["user"])
        seat = Seat(user=user, function=payload["seat"]["function"], starts_at=now())
        seat.save()
        record(type="seat.given", object=seat, reason=f"Adopted by {motion.reference}.")
    elif "end_seat" in payload:
        row = Seat.lock(payload["end_seat"])
        ended = row.compare_and_set(
            where={"ends_at": None}, ends_at=now(), ended_for_cause=bool(payload.get("cause"))
        )
        if not ended:
            raise Conflict("This seat has ended already.")
        record(type="seat.ended", object=row, reason=f"Adopted by {motion.reference}.")
    else:
        charter = Charter.objects.first() or Charter()
        before = charter.values
        charter.values = payload["values"]
        charter.save()
        record(type="council.rules_changed", object=charter, before=before, after=charter.values)


def ratify(motion: Motion) -> None:
    """An emergency measure goes on until the day that the council set."""
    until = dt.datetime.fromisoformat(motion.payload["until"])
    rows = Measure.objects.filter(
        pk=motion.payload["measure"], status=MeasureStatus.IN_FORCE
    ).update(ends_at=until, announced=0)
    if not rows:
        raise Conflict("The measure has ended already.")
    record(type="measure.extended", object=motion, after={"until": until})


def readiness(motion: Motion) -> None:
    """Holds for every process that is measured from now on."""
    weights.set_weights(values=motion.payload["weights"], motion=motion.reference)


EFFECTS = {
    Kind.POLICY: policy,
    Kind.ACTIVATION: activation,
    Kind.GRANT: permission,
    Kind.CHECKPOINT: checkpoint,
    Kind.RULES: rules,
    Kind.RATIFY: ratify,
    Kind.READINESS: readiness,
}
