"""An open question: claimed, put back, and left by its one exit."""

from __future__ import annotations

import datetime as dt
import uuid
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from apps.access.models import User
from apps.approvals import notices, queries, signals
from apps.approvals.models import ApprovalRequest, Vote
from apps.approvals.services import scopes
from apps.approvals.states import Execution, RequestStatus
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, NotPermitted
from apps.ledger.services import record
from apps.policies import services as policies
from apps.registry.states import AgentStatus

ENDED_AT_ONCE = 25


class Lost(Conflict):
    """Somebody was faster; `request` is as it stands now, and the typed reason is not lost."""

    def __init__(self, sentence: str, request: ApprovalRequest, code: str = "lost") -> None:
        super().__init__(sentence, code)
        self.request = request


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


def refuse_unless_as_seen(request: ApprovalRequest, seen: str) -> None:
    """What is answered is what was on the screen, and what was on the screen is what was frozen:
    on evidence that somebody altered in the database nobody can judge."""
    if seen != request.action_digest:
        raise Lost("What you saw is not what would be done now. Read it again.", request, "digest")
    if digest(request.evidence) != request.evidence_digest:
        raise Lost(
            "The evidence is not what was frozen when the question was put. Do not decide on it; "
            "tell an auditor.",
            request,
            "evidence",
        )


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
    dispatch_at: dt.datetime | None = None,
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
        dispatch_at=dispatch_at,
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


def cancel_for_agent(*, agent_id: int, reason_code: str) -> int:
    """Ends every open request of an agent, and refuses what was approved but not yet done."""
    with transaction.atomic():
        ApprovalRequest.objects.filter(
            agent_id=agent_id, status="approved", execution=Execution.NONE
        ).update(execution=Execution.REFUSED_STALE)
    return cancel_waiting(ApprovalRequest.objects.filter(agent_id=agent_id), reason_code)


def cancel_for_stopped_agents() -> int:
    """The same for suspensions whose signal was lost."""
    open_requests = ApprovalRequest.objects.filter(status="pending")
    stopped = open_requests.exclude(agent__status=AgentStatus.ACTIVE)
    agents = set(stopped.values_list("agent_id", flat=True)[:500])
    return sum(cancel_for_agent(agent_id=pk, reason_code="agent_suspended") for pk in agents)


def cancel_for_action(*, action_ref: uuid.UUID, reason_code: str) -> int:
    return cancel_waiting(ApprovalRequest.objects.filter(action_ref=action_ref), reason_code)


def cancel_waiting(rows: QuerySet[ApprovalRequest], reason_code: str) -> int:
    """Ends those of the rows that are open, and answers how many. Several in one transaction: a
    commit for each is what takes the time when an agent with hundreds of them is contained. Those
    that somebody has in hand come after that and by themselves, so that nobody is waited for by
    who holds others."""
    waiting = rows.filter(status="pending").order_by("pk").values_list("pk", flat=True)
    keys = list(waiting)
    ended = 0
    for start in range(0, len(keys), ENDED_AT_ONCE):
        ended += cancel_free(keys[start : start + ENDED_AT_ONCE], reason_code)
    return ended + sum(cancel(key, reason_code) for key in waiting.all())


@transaction.atomic
def cancel_free(keys: list[uuid.UUID], reason_code: str) -> int:
    rows = ApprovalRequest.objects.select_for_update(of=("self",), skip_locked=True)
    free = list(rows.select_related("agent").filter(pk__in=keys, status="pending"))
    for request in free:
        leave(request, RequestStatus.CANCELLED, code=reason_code)
    return len(free)


def cancel(request_id: uuid.UUID, reason_code: str) -> bool:
    try:
        with transaction.atomic():
            leave(locked(request_id), RequestStatus.CANCELLED, code=reason_code)
    except Lost:
        return False
    return True


def void_lost_right(vote: Vote) -> None:
    """The vote of somebody who may not decide any more stops counting; the row stays."""
    sentence = f"{vote.voter_label} lost the right to decide while the request was open."
    if Vote.objects.filter(pk=vote.pk, void=False).update(void=True, void_reason=sentence[:200]):
        record(type="approval.vote_voided", object=vote.request, reason=sentence)
