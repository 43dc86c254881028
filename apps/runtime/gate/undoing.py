"""Taking back what was done, where the current value is still what was written."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace

from django.db import DatabaseError

from apps.approvals import services as approvals
from apps.common.writing import writing
from apps.ledger.services import record
from apps.runtime import limits
from apps.runtime.connectors import connector_for
from apps.runtime.gate.effects import call_of
from apps.runtime.gate.record import move, outcome_of
from apps.runtime.models import Action, Effect
from apps.runtime.rules import LostLease, Outcome, Work
from apps.runtime.states import ActionStatus, EffectStatus
from apps.runtime.toolbox import Moved, Unavailable

log = logging.getLogger(__name__)
PERHAPS = "An earlier try to take this back broke off, and may have done it."


def undo(*, action_id: uuid.UUID, reason: str, work: Work | None = None) -> Outcome:
    """Takes back a done action by its before-image, and settles the step that asked for it.

    The outcome is done; failed, where somebody changed the value since or there is no way back;
    retry, where the system does not answer; in_doubt, where a try that broke off may have done it.
    Raises LostLease when the step is owned by another worker."""
    action = Action.objects.select_related("tool").get(pk=action_id)
    try:
        if connector_for(action.tool_name).transactional:
            return in_our_database(action, reason, work)
        return outside(action, reason, work)
    except LostLease:
        raise
    except Moved as refusal:
        return refused(action, work, refusal.sentence)
    except Unavailable as error:
        limits.failed(action.tool_name)
        return later(action, work, error.sentence, error.retry_after)
    except (DatabaseError, OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        log.exception("Taking back action %s broke off.", action.pk)
        return later(action, work, f"{action.tool_name} broke off: {type(error).__name__}.", 1.0)


def in_our_database(action: Action, reason: str, work: Work | None) -> Outcome:
    with writing():
        if work:
            work.check()
        effect = effect_of(action)
        act(action, effect, work)
        return taken_back(action, effect, reason, work)


def outside(action: Action, reason: str, work: Work | None) -> Outcome:
    """The intent is committed first. A second try is safe, because the undo itself looks at the
    current value; but what it finds then may be the first one's work."""
    with writing():
        if work:
            work.check()
        effect = effect_of(action)
        again = effect.status == EffectStatus.UNDOING
        Effect.objects.filter(pk=effect.pk).update(status=EffectStatus.UNDOING)
    try:
        act(action, effect, work)
    except Moved as refusal:
        if again:
            return perhaps(action, work)
        Effect.objects.filter(pk=effect.pk).update(status=EffectStatus.DONE)
        raise refusal
    with writing():
        if work:
            work.check()
        return taken_back(action, effect, reason, work)


def effect_of(action: Action) -> Effect:
    effect = Effect.objects.select_for_update().filter(pk=action.idem_key).first()
    if effect is None or effect.status not in (EffectStatus.DONE, EffectStatus.UNDOING):
        raise Moved("There is nothing to take back.")
    if effect.before is None:
        raise Moved("What was there before is not known, so nothing can be put back.")
    return effect


def act(action: Action, effect: Effect, work: Work | None) -> None:
    call = replace(call_of(action, {}, work), idem_key=f"{action.idem_key}:undo")
    connector_for(action.tool_name).undo(call, effect.before or {}, effect.after or {})


def taken_back(action: Action, effect: Effect, reason: str, work: Work | None) -> Outcome:
    """In the caller's transaction: the record of the undo, and the step's end."""
    Effect.objects.filter(pk=effect.pk).update(status=EffectStatus.UNDONE)
    move(action, to=ActionStatus.UNDONE)
    if action.approval_id:
        approvals.mark_execution(request_id=action.approval_id, execution="rolled_back")
    record(
        type="action.undone",
        object=action,
        reason=reason,
        before=effect.after,
        after=effect.before,
        run_id=action.run_id,
    )
    outcome = outcome_of(action)
    if work:
        work.settle(outcome)
    return outcome


def refused(action: Action, work: Work | None, sentence: str) -> Outcome:
    with writing():
        if work:
            work.check()
        record(
            type="action.undo_refused",
            object=action,
            outcome="failed",
            reason=sentence,
            run_id=action.run_id,
        )
        outcome = outcome_of(action, status="failed", code="moved", error=sentence)
        if work:
            work.settle(outcome)
    return outcome


def later(action: Action, work: Work | None, sentence: str, retry_after: float) -> Outcome:
    with writing():
        if work:
            work.check()
        outcome = outcome_of(action, status="retry", error=sentence, retry_after=retry_after)
        if work:
            work.settle(outcome)
    return outcome


def perhaps(action: Action, work: Work | None) -> Outcome:
    with writing():
        if work:
            work.check()
        outcome = outcome_of(action, status="in_doubt", code="in_doubt", error=PERHAPS)
        if work:
            work.settle(outcome)
    return outcome


def resolve_undo(*, action_id: uuid.UUID, happened: bool, reason: str) -> None:
    """A person says whether an undo in doubt happened."""
    action = Action.objects.get(pk=action_id)
    with writing():
        effect = Effect.objects.select_for_update().filter(pk=action.idem_key)
        if happened:
            effect.update(status=EffectStatus.UNDONE)
            move(action, to=ActionStatus.UNDONE)
        else:
            effect.update(status=EffectStatus.DONE)
        record(type="action.reported", object=action, reason=reason, run_id=action.run_id)
