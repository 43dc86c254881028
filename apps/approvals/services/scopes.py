"""Levels: back up at once, by anyone above; what reviews showed; what nobody saw beforehand.

Down goes a level only in `apps/approvals/loosening.py`, which the council alone may reach.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import levels, queries
from apps.approvals.models import ApprovalRequest, Finding, Queue, Scope, SeenTrait, Skipped
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.registry.models import Agent
from apps.registry.services import bump


def scope_for(agent: Agent, tool: str, risk: str, version: int | None = None) -> Scope:
    """The scope's row, made at L1 where there is none."""
    where = {
        "agent": agent,
        "agent_version": version or agent.version,
        "tool": tool,
        "risk": risk,
    }
    found = Scope.objects.filter(**where).first()
    if found is not None:
        return found  # type: ignore[no-any-return]
    row = Scope(**where, changed_at=now())
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        return Scope.objects.get(**where)  # type: ignore[no-any-return]
    return row


@transaction.atomic
def tighten(
    *,
    reason: str,
    agent: Agent | None = None,
    tool: str = "",
    queue: Queue | None = None,
    scope: Scope | None = None,
) -> int:
    """Puts every action of these scopes before people again, from the next action on; what was
    earned stays. For the layers above (containment, drift, a low hit rate), who need nobody's
    consent. Answers how many scopes were not under full review before."""
    rows = Scope.objects.filter(held=False)
    if not (agent or tool or queue or scope):
        raise Invalid("Say what is to be reviewed: an agent, a tool, a queue or a scope.")
    if scope is not None:
        rows = rows.filter(pk=scope.pk)
    if agent is not None:
        rows = rows.filter(agent=agent)
    if tool:
        rows = rows.filter(tool=tool)
    if queue is not None:
        asked = Finding.objects.filter(request__queue=queue).values("scope")
        unseen = Skipped.objects.filter(queue=queue).values("scope")
        rows = rows.filter(Q(pk__in=asked) | Q(pk__in=unseen))
    held = 0
    for row in rows.select_related("agent").order_by("pk"):
        with acting(reason=reason):
            if row.compare_and_set(
                where={"held": False}, held=True, held_reason=reason[:300], changed_at=now()
            ):
                held += 1
                record(
                    type="scope.tightened",
                    object=row,
                    reason=reason,
                    before={"percent": levels.percent(row.level, row.risk, held=False)},
                    after={"percent": levels.WHOLE},
                )
    if held:
        bump()
    return held


@permitted("checkpoints.tighten")
def review_everything(*, actor: User, scope: Scope, reason: str) -> None:
    """A person puts a scope back under full review. It takes the council to take that back."""
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if not tighten(scope=scope, reason=reason.strip()):
        raise Conflict("Every action of it is reviewed already.")


@transaction.atomic
def demote(*, scope: Scope, to: int, reason: str) -> Scope:
    """Takes back levels that were earned, and the evidence with them: the next attempt begins."""
    row = Scope.lock(scope.pk)
    if not 0 <= to < row.level:
        raise Conflict(f"It stands at L{row.level}.")
    before = row.level
    with acting(reason=reason):
        row.compare_and_set(
            where={"level": before}, level=to, attempt=row.attempt + 1, changed_at=now()
        )
        bump()
        record(
            type="scope.demoted",
            object=row,
            reason=reason,
            before={"level": before},
            after={"level": to, "attempt": row.attempt},
        )
    return row


def note_skipped(
    *,
    action_ref: uuid.UUID,
    scope: Scope,
    queue_id: int,
    agent_label: str,
    title: str,
    summary: str,
    evidence: dict[str, Any],
    percent: int,
) -> Skipped:
    """Lists an action that the draw did not select, inside the gate's own transaction."""
    row = Skipped(
        action_ref=action_ref,
        scope=scope,
        queue_id=queue_id,
        agent_label=agent_label,
        tool=scope.tool,
        risk=scope.risk,
        title=title[:200],
        summary=summary,
        evidence=evidence,
        percent=percent,
        at=now(),
    )
    row.save(force_insert=True)
    return row


def learn(request: ApprovalRequest) -> None:
    """What an answered question shows about its scope: a drawn review is evidence, and either way
    its traits were before people once more. Nothing for hard checkpoints, which earn nothing."""
    drawn = request.rule.get("sampling") or {}
    severity = levels.ANSWERS.get(request.status)
    if not drawn or severity is None:
        return
    scope = scope_for(request.agent, request.tool, request.risk, drawn["agent_version"])
    count_traits(scope, drawn["traits"])
    if drawn["random"]:
        note_finding(scope, request.action_ref, "random", severity, request=request)


def unlearn(request: ApprovalRequest) -> None:
    """Takes back what an approval showed: it was taken back itself. The look at its traits is
    counted once, by the answer that stands in the end."""
    drawn = request.rule.get("sampling") or {}
    if not drawn:
        return
    Finding.objects.filter(request=request, origin="random").delete()
    scope = scope_for(request.agent, request.tool, request.risk, drawn["agent_version"])
    traits = SeenTrait.objects.filter(scope=scope, trait__in=drawn["traits"], reviewed__gt=0)
    traits.update(reviewed=F("reviewed") - 1)


def count_traits(scope: Scope, traits: Iterable[str]) -> None:
    wanted = sorted(set(traits))
    rows = [SeenTrait(scope=scope, trait=trait) for trait in wanted]
    SeenTrait.objects.bulk_create(rows, ignore_conflicts=True)
    SeenTrait.objects.filter(scope=scope, trait__in=wanted).update(reviewed=F("reviewed") + 1)


def note_finding(
    scope: Scope,
    action_ref: uuid.UUID,
    origin: str,
    severity: str,
    *,
    request: ApprovalRequest | None = None,
    by: str = "",
) -> None:
    Finding.objects.update_or_create(
        action_ref=action_ref,
        origin=origin,
        defaults={
            "scope": scope,
            "request": request,
            "severity": severity,
            "loss": levels.LOSSES[severity],
            "at": now(),
            "by_label": by[:200],
        },
    )


@permitted("approvals.decide")
@transaction.atomic
def review_skipped(*, actor: User, skipped: Skipped, severity: str, note: str) -> Skipped:
    """A later look at what nobody saw. Found fine it proves nothing, for the person chose it;
    found wrong it counts, and a grave fault puts its scope back under full review."""
    if severity not in levels.LOSSES:
        raise Invalid("Choose what you found.", fields={"severity": ["Choose one."]})
    if severity != "fine" and not note.strip():
        raise Invalid("Say what is wrong.", fields={"note": ["Say what is wrong."]})
    row = Skipped.objects.select_for_update(of=("self",)).select_related("scope__agent", "queue")
    found = row.get(pk=skipped.pk)
    if reason := queries.why_not_review(actor, found):
        raise NotPermitted(reason, "not_eligible")
    moment = now()
    won = Skipped.objects.filter(pk=found.pk, reviewed_at=None).update(
        reviewed_at=moment, reviewer=actor, severity=severity, note=note.strip()
    )
    if not won:
        raise Conflict("Somebody has looked at this already.")
    note_finding(found.scope, found.action_ref, "later", severity, by=str(actor))
    record(
        type="skipped.reviewed",
        object=found,
        outcome=severity,
        reason=note.strip(),
        after={"action": str(found.action_ref), "loss": levels.LOSSES[severity]},
    )
    if severity in levels.GRAVE:
        tighten(scope=found.scope, reason=f"A {severity} fault in what nobody saw: {note}"[:300])
    found.refresh_from_db()
    return found
