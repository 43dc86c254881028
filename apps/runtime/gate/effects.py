"""Carrying out what was allowed: once, whatever dies on the way (runtime.md 4.5)."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError

from apps.common.canonical import plain
from apps.common.clock import now
from apps.common.rows import insert
from apps.common.writing import writing
from apps.ledger.services import record
from apps.registry.models import Tool
from apps.runtime import budgets, limits, schemas
from apps.runtime.connectors import connector_for
from apps.runtime.gate.record import move, outcome_of
from apps.runtime.models import Action, Effect, Session
from apps.runtime.rules import LostLease, Outcome, Stopped, Work, secret_free
from apps.runtime.states import ActionStatus, EffectStatus
from apps.runtime.toolbox import Call, Connector, Effected, Rejected, Unavailable

UNKNOWN = "An earlier attempt broke off while it was acting; nobody knows whether it did."
log = logging.getLogger(__name__)
MOST_SOURCES = 50


def carry_out(action: Action, facts: dict[str, Any], work: Work | None) -> Outcome:
    """Performs the effect of an action that is `executing`, and settles it. Raises LostLease."""
    connector = connector_for(action.tool_name)
    call = call_of(action, facts, work)
    try:
        if connector.transactional:
            return in_our_database(connector, call, action, work)
        return outside(connector, call, action, work)
    except LostLease:
        raise
    except Rejected as error:
        return fail(action, work, "rejected", error.sentence)
    except Unavailable as error:
        limits.failed(action.tool_name)
        return fail(action, work, "unavailable", error.sentence, retry_after=error.retry_after)
    except (DatabaseError, OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        log.exception("The effect of action %s broke off.", action.pk)
        sentence = f"{action.tool_name} broke off: {type(error).__name__}."
        return fail(action, work, "broke_off", sentence, retry_after=1.0)


def call_of(action: Action, facts: dict[str, Any], work: Work | None = None) -> Call:
    return Call(
        tool=action.tool_name,
        arguments=action.arguments,
        facts=facts,
        idem_key=action.idem_key,
        agent_label=action.agent_label,
        action_id=action.pk,
        fences=work.fences if work else {},
    )


def in_our_database(connector: Connector, call: Call, action: Action, work: Work | None) -> Outcome:
    """Effect, record and the step's end in one transaction that first locks the step at its
    fence: a worker that lost its lease cannot commit an effect it no longer owns."""
    with writing():
        if work:
            work.check()
        earlier = Effect.objects.filter(pk=call.idem_key).first()
        if earlier is not None and earlier.status == EffectStatus.DONE:
            return finish(action, work, effected_of(earlier))
        effected = connector.perform(call)
        check_output(action, effected)
        if earlier is not None:
            earlier.delete()
        write_effect(call, action, EffectStatus.DONE, effected)
        return finish(action, work, effected)


def outside(connector: Connector, call: Call, action: Action, work: Work | None) -> Outcome:
    """The intent is committed before the call, so that a death in between is known as a doubt."""
    claimed = claim_effect(connector, call, action, work)
    if isinstance(claimed, Outcome):
        return claimed
    effected = claimed or perform(connector, call)
    if problem := output_problem(action, effected):
        # It acted, but nobody can tell how: trying again might act twice, so a person looks.
        return doubt(action, work, problem)
    with writing():
        if work:
            work.check()
        close_effect(call, EffectStatus.DONE, effected)
        return finish(action, work, effected)


def perform(connector: Connector, call: Call) -> Effected:
    try:
        return connector.perform(call)
    except Rejected:
        close_effect(call, EffectStatus.FAILED, None)
        raise


def claim_effect(
    connector: Connector, call: Call, action: Action, work: Work | None
) -> Effected | Outcome | None:
    """None: go ahead. Effected: it was done already. Outcome: nobody knows, so a person must."""
    with writing():
        if work:
            work.check()
        earlier = Effect.objects.select_for_update().filter(pk=call.idem_key).first()
        if earlier is None:
            write_effect(call, action, EffectStatus.DISPATCHING, None)
            return None
    if earlier.status == EffectStatus.DONE:
        return effected_of(earlier)
    if action.tool is not None and action.tool.idempotent:
        return None
    found = connector.lookup(call.idem_key)
    return found if found is not None else doubt(action, work, UNKNOWN)


def check_output(action: Action, effected: Effected) -> None:
    if problem := output_problem(action, effected):
        raise Rejected(problem)


def output_problem(action: Action, effected: Effected) -> str:
    problem = schemas.output_problem(action.tool, effected.result) if action.tool else ""
    return f"{action.tool_name} answered what its schema does not allow: {problem}." * bool(problem)


def write_effect(call: Call, action: Action, status: str, effected: Effected | None) -> None:
    moment = now()
    effect = Effect(
        idem_key=call.idem_key,
        action=action,
        tool_name=call.tool,
        status=status,
        result=plain(effected.result) if effected else None,
        before=plain(effected.before) if effected else None,
        after=plain(effected.after) if effected else None,
        begun_at=moment,
        ended_at=moment if effected else None,
    )
    insert(effect)


def close_effect(call: Call, status: str, effected: Effected | None) -> None:
    Effect.objects.filter(pk=call.idem_key).update(
        status=status,
        result=plain(effected.result) if effected else None,
        before=plain(effected.before) if effected else None,
        after=plain(effected.after) if effected else None,
        ended_at=now(),
    )


def effected_of(effect: Effect) -> Effected:
    return Effected(effect.result or {}, effect.before or {}, effect.after or {})


def finish(action: Action, work: Work | None, effected: Effected) -> Outcome:
    """In the caller's transaction: the outcome's record, the session's taint, the step's end."""
    result = secret_free(plain(effected.result))
    moment = now()
    move(action, to=ActionStatus.DONE, result=result, settled_at=moment, error="", code="")
    mark_untrusted(action, result)
    record(
        type="action.done",
        object=action,
        before=effected.before,
        after=effected.after,
        run_id=action.run_id,
        policy_versions=action.policy_versions,
        at=moment,
    )
    if action.reserved:
        budgets.settle(action, result)
    limits.succeeded(action.tool_name)
    outcome = outcome_of(action, after=plain(effected.after))
    if work:
        work.settle(outcome)
    return outcome


def mark_untrusted(action: Action, result: dict[str, Any]) -> None:
    texts = result.get("untrusted")
    if isinstance(texts, list) and texts and action.session_id:
        paths = [text.get("path", "") if isinstance(text, dict) else "" for text in texts]
        sources = [{"action": str(action.pk), "path": path} for path in paths[:MOST_SOURCES]]
        Session.objects.filter(pk=action.session_id).update(
            untrusted_read=True, untrusted_sources=sources
        )


def mark_reader(action: Action, tool: Tool, session: Session | None) -> None:
    """A tool that the agent runs itself is read before anybody else sees the answer, and what the
    agent reports of it may be nothing. So one whose description says that it returns text from
    outside (`untrusted` in its output) marks the session as soon as it is let through."""
    told = "untrusted" in tool.output_schema.get("properties", {})
    if told and session is not None and not session.untrusted_read:
        mark_untrusted(action, {"untrusted": [{"path": tool.name}]})


def fail(
    action: Action, work: Work | None, code: str, sentence: str, retry_after: float | None = None
) -> Outcome:
    """Records a failure; with `retry_after` the step is told to try again."""
    with writing():
        if work:
            work.check()
        move(action, to=ActionStatus.FAILED, code=code, error=sentence, settled_at=now())
        if action.reserved:
            budgets.settle(action, None)
        record(
            type="action.failed",
            object=action,
            outcome="failed",
            reason=sentence,
            run_id=action.run_id,
        )
        status = "failed" if retry_after is None else "retry"
        outcome = outcome_of(action, status=status, retry_after=retry_after)
        if work:
            work.settle(outcome)
    return outcome


def doubt(action: Action, work: Work | None, sentence: str) -> Outcome:
    """The tool may or may not have acted as it should, and cannot tell: never try again."""
    with writing():
        if work:
            work.check()
        move(action, to=ActionStatus.IN_DOUBT, code="in_doubt", error=sentence)
        Effect.objects.filter(pk=action.idem_key).update(status=EffectStatus.IN_DOUBT)
        record(
            type="action.in_doubt",
            object=action,
            outcome="in_doubt",
            reason=sentence,
            run_id=action.run_id,
        )
        outcome = outcome_of(action)
        if work:
            work.settle(outcome)
    return outcome


def clear_up(action: Action) -> None:
    """An action left `executing` by a worker that died. Where the effect would have been in the
    same transaction as its record, it did not happen; elsewhere the Effect row knows."""
    try:
        transactional = connector_for(action.tool_name).transactional
    except Stopped:
        transactional = False
    intended = Effect.objects.filter(pk=action.idem_key).exists()
    sentence = (
        "The worker died after the call began; the effect's own record decides."
        if intended and not transactional
        else "The worker died before the effect; nothing was done."
    )
    with writing():
        move(action, to=ActionStatus.FAILED, code="worker_lost", error=sentence, settled_at=now())
        budgets.settle(action, None)
        record(
            type="action.failed",
            object=action,
            outcome="failed",
            reason=sentence,
            run_id=action.run_id,
        )
