"""A question from being put to being closed, and what its approval is used for."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from apps.access.models import User
from apps.approvals import notices, queries, signals
from apps.approvals.models import (
    ApprovalRequest,
    Checkpoint,
    RequestCheckpoint,
)
from apps.approvals.services import scopes
from apps.approvals.states import EXECUTION_MOVES, Execution, RequestStatus
from apps.common.acting import acting
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.policies import services as policies
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent
from apps.registry.states import AgentStatus


class Lost(Conflict):
    """Somebody was faster; `request` is as it stands now, and the typed reason is not lost."""

    def __init__(self, sentence: str, request: ApprovalRequest, code: str = "lost") -> None:
        super().__init__(sentence, code)
        self.request = request


@transaction.atomic
def ask(
    *,
    agent: Agent,
    action_ref: uuid.UUID,
    tool: str,
    intent_digest: str,
    action_digest: str,
    title: str,
    summary: str,
    risk: str,
    asks: Sequence[CheckpointAsk],
    evidence: dict[str, Any],
    requester_id: int | None = None,
    supersedes: ApprovalRequest | None = None,
    sampling: dict[str, Any] | None = None,
) -> ApprovalRequest:
    """Puts a question to people. The same action with the same digest joins the open request; a
    changed digest supersedes it. Raises Invalid when a checkpoint is unknown."""
    open_request = (
        ApprovalRequest.objects.select_for_update()
        .filter(action_ref=action_ref, intent_digest=intent_digest, status="pending")
        .first()
    )
    if open_request is not None and open_request.action_digest == action_digest:
        return open_request
    if open_request is not None:
        leave(open_request, RequestStatus.SUPERSEDED, code="changed")
        supersedes = open_request
    checkpoints = checkpoints_named(asks)
    first = checkpoints[asks[0].name]
    moment = now()
    within = min(ask.within_seconds or checkpoints[ask.name].decide_within for ask in asks)
    needed = {ask.name: max(ask.approvers, checkpoints[ask.name].approvers) for ask in asks}
    request = ApprovalRequest(
        queue=first.queue,
        agent=agent,
        agent_label=agent.label,
        tool=tool,
        action_ref=action_ref,
        intent_digest=intent_digest,
        target=target_of(evidence),
        action_digest=action_digest,
        title=title,
        summary=summary,
        risk=risk,
        approvers_needed=sum(needed.values()),
        rule_key=asks[0].rule_id[:120],
        rule={**rule_snapshot(asks, checkpoints), "sampling": sampling},
        evidence=evidence,
        evidence_digest=digest(evidence),
        requester_id=requester_id,
        created_at=moment,
        respond_by=moment + dt.timedelta(seconds=min(first.respond_within, within)),
        decide_by=moment + dt.timedelta(seconds=within),
        escalate_at=moment + dt.timedelta(seconds=within // 2),
        supersedes=supersedes,
    )
    save_numbered(request)
    for name, people in needed.items():
        RequestCheckpoint.objects.create(
            request=request,
            checkpoint=checkpoints[name],
            queue=checkpoints[name].queue,
            needed=people,
        )
    record(
        type="approval.asked",
        object=request,
        outcome="waiting",
        reason=summary,
        after={"action_digest": action_digest, "evidence_digest": request.evidence_digest},
    )
    tell_people(request, request.title)
    return request


def target_of(evidence: dict[str, Any]) -> str:
    """The first record that the action touches, as the tool names it."""
    return str(next(iter(evidence.get("resources") or ()), ""))[:200]


def tell_people(request: ApprovalRequest, title: str, *, urgent: bool = False) -> None:
    """Notes for everybody who may decide now that the request waits."""
    people: set[int] = set()
    for need in queries.needs_of(request):
        people |= need.eligible
    users = User.objects.filter(pk__in=people | queries.stand_ins(people))
    notices.tell(
        users=users, title=f"{request.reference} {title}", url=url_of(request), urgent=urgent
    )


def url_of(request: ApprovalRequest) -> str:
    return reverse("approvals:request", args=[request.number])


def checkpoints_named(asks: Sequence[CheckpointAsk]) -> dict[str, Checkpoint]:
    names = {ask.name for ask in asks}
    rows = Checkpoint.objects.filter(slug__in=names).select_related("queue")
    found = {row.slug: row for row in rows}
    if not asks or names - set(found):
        raise Invalid("The policy asks for a checkpoint that does not exist.", "no_checkpoint")
    return found


def rule_snapshot(
    asks: Sequence[CheckpointAsk], checkpoints: dict[str, Checkpoint]
) -> dict[str, Any]:
    """The rule as it stood: later edits do not change a question that is being answered."""
    return {
        "checkpoints": [
            {
                "name": ask.name,
                "title": checkpoints[ask.name].title,
                "queue": checkpoints[ask.name].queue.slug,
                "approvers": max(ask.approvers, checkpoints[ask.name].approvers),
                "rule_id": ask.rule_id,
                "sentence": ask.sentence,
                "execute_within": checkpoints[ask.name].execute_within,
            }
            for ask in asks
        ]
    }


@transaction.atomic
def claim(*, actor: User, request_id: uuid.UUID) -> ApprovalRequest:
    """Takes a request for a quarter of an hour, so that two people do not do the same work. The
    fence goes up; an earlier holder's late decision is refused by it."""
    request = locked(request_id, seeds=True)
    refuse_unless_eligible(actor, request)
    moment = now()
    free = Q(holder__isnull=True) | Q(lease_until__lte=moment) | Q(holder=actor)
    minutes = settings.COUNCIL["CLAIM_MINUTES"]
    won = ApprovalRequest.with_seeds.filter(free, pk=request.pk, status="pending").update(
        holder=actor,
        lease_until=moment + dt.timedelta(minutes=minutes),
        fence=request.fence if request.holder_id == actor.pk else request.fence + 1,
        first_seen_at=request.first_seen_at or moment,
    )
    request.refresh_from_db()
    if not won:
        raise Lost(f"{request.holder} is working on this request.", request, "claimed")
    record(type="approval.claimed", object=request)
    return request


@transaction.atomic
def release(*, actor: User, request_id: uuid.UUID) -> ApprovalRequest:
    """Puts a claimed request back."""
    request = locked(request_id, seeds=True)
    freed = ApprovalRequest.with_seeds.filter(pk=request.pk, holder=actor, status="pending").update(
        holder=None, lease_until=None
    )
    if not freed:
        raise Conflict("You do not hold this request.")
    record(type="approval.released", object=request)
    request.refresh_from_db()
    return request


def locked(request_id: uuid.UUID, *, seeds: bool = False) -> ApprovalRequest:
    """The request, locked; a known-answer item only for the verbs of the desk that ask for it."""
    rows = ApprovalRequest.with_seeds if seeds else ApprovalRequest.objects
    found = (
        rows.select_for_update(of=("self",)).select_related("agent").filter(pk=request_id).first()
    )
    if found is None:
        raise Absent
    return found


def refuse_unless_eligible(actor: User, request: ApprovalRequest) -> None:
    if request.status != RequestStatus.PENDING:
        raise Lost(decided_sentence(request), request, "decided")
    if reason := queries.why_not(actor, request):
        raise NotPermitted(reason, "not_eligible")


def decided_sentence(request: ApprovalRequest) -> str:
    vote = request.votes.filter(void=False).order_by("-cast_at").first()
    words = RequestStatus(request.status).label.lower()
    if vote is None or request.decided_at is None:
        return f"This request is no longer open: {words}."
    return f"Decided by {vote.voter_label} at {request.decided_at:%H:%M} UTC: {words}."


def leave(
    request: ApprovalRequest,
    status: str,
    *,
    code: str = "",
    note: str = "",
    execute_by: dt.datetime | None = None,
) -> ApprovalRequest:
    """The one exit from pending: a guarded UPDATE that also ends the claim. Raises Lost when the
    request was no longer open."""
    left = ApprovalRequest.objects.filter(pk=request.pk, status="pending").update(
        status=status,
        decided_at=now(),
        holder=None,
        lease_until=None,
        reason_code=code,
        outcome_note=note,
        execute_by=execute_by,
    )
    request.refresh_from_db()
    if not left:
        raise Lost(decided_sentence(request), request, "decided")
    record(type=f"approval.{status}", object=request, outcome=status, reason=note or code)
    notices.drop_decided(url_of(request))
    scopes.learn(request)
    if request.evidence.get("judged_id"):
        policies.mark_answer(judged_id=uuid.UUID(request.evidence["judged_id"]), answer=status)
    send = partial(
        signals.decided.send, ApprovalRequest, request_id=request.pk, status=request.status
    )
    transaction.on_commit(send)
    return request


def expire_due() -> int:
    """Ends what nobody decided in time, with the reason `timeout`. A clock never approves."""
    due = ApprovalRequest.objects.filter(status="pending", decide_by__lte=now())
    expired = 0
    for request in due.order_by("decide_by")[:500]:
        try:
            with transaction.atomic(), acting(trigger="approvals sweep"):
                leave(
                    locked(request.pk),
                    RequestStatus.EXPIRED,
                    code="timeout",
                    note="Nobody decided in time.",
                )
            expired += 1
        except Lost:
            continue
    return expired


def escalate_due() -> int:
    """At half time a request that nobody decided goes to the second level as well: the people of
    the queue that its queue escalates to, as that stands now; from then on it stays so."""
    due = ApprovalRequest.objects.filter(
        status="pending", escalated_at=None, escalate_at__lte=now()
    )
    escalated = 0
    for request in due.order_by("escalate_at")[:500]:
        with transaction.atomic(), acting(trigger="approvals sweep"):
            row = locked(request.pk)
            won = ApprovalRequest.objects.filter(
                pk=row.pk, status="pending", escalated_at=None
            ).update(escalated_at=now())
            if not won:
                continue
            levels = []
            for part in row.checkpoints.select_related("queue__escalates_to"):
                second = part.queue.escalates_to
                if second is not None:
                    RequestCheckpoint.objects.filter(pk=part.pk).update(second_queue=second)
                    levels.append(second.slug)
            record(
                type="approval.escalated",
                object=row,
                reason="Half of the time is over.",
                after={"queues": levels},
            )
            tell_people(row, f"Half of the time is over: {row.title}", urgent=True)
            escalated += 1
    return escalated


def cancel_for_agent(*, agent_id: int, reason_code: str) -> int:
    """Ends every open request of an agent, and refuses what was approved but not yet done."""
    with transaction.atomic():
        ApprovalRequest.objects.filter(
            agent_id=agent_id, status="approved", execution=Execution.NONE
        ).update(execution=Execution.REFUSED_STALE)
    rows = ApprovalRequest.objects.filter(agent_id=agent_id, status="pending")
    return sum(cancel(pk, reason_code) for pk in rows.values_list("pk", flat=True))


def cancel_for_stopped_agents() -> int:
    """The same for suspensions whose signal was lost."""
    open_requests = ApprovalRequest.objects.filter(status="pending")
    stopped = open_requests.exclude(agent__status=AgentStatus.ACTIVE)
    agents = set(stopped.values_list("agent_id", flat=True)[:500])
    return sum(cancel_for_agent(agent_id=pk, reason_code="agent_suspended") for pk in agents)


def cancel_for_action(*, action_ref: uuid.UUID, reason_code: str) -> int:
    rows = ApprovalRequest.objects.filter(action_ref=action_ref, status="pending")
    return sum(cancel(pk, reason_code) for pk in rows.values_list("pk", flat=True))


def cancel(request_id: uuid.UUID, reason_code: str) -> bool:
    try:
        with transaction.atomic():
            leave(locked(request_id), RequestStatus.CANCELLED, code=reason_code)
    except Lost:
        return False
    return True


def dispatch(*, request_id: uuid.UUID, action_digest: str) -> bool:
    """Single use of an approval: true for exactly one caller, while its time has not run out."""
    return bool(
        ApprovalRequest.objects.filter(
            pk=request_id,
            status="approved",
            execution=Execution.NONE,
            action_digest=action_digest,
            execute_by__gt=now(),
        ).update(execution=Execution.DISPATCHED)
    )


def mark_execution(*, request_id: uuid.UUID, execution: str) -> bool:
    """Notes what became of an approved action; false when that step is not possible any more."""
    come_from = [state for state, ends in EXECUTION_MOVES.items() if execution in ends]
    rows = ApprovalRequest.objects.filter(pk=request_id, execution__in=come_from)
    return bool(rows.update(execution=execution))
