from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.urls import reverse
from guardian.shortcuts import assign_perm, remove_perm

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import notices, queries, signals
from apps.approvals.models import (
    ApprovalRequest,
    Checkpoint,
    Look,
    Queue,
    RequestCheckpoint,
    Snooze,
    Vote,
)
from apps.approvals.rules import bulk_problem, copied_from_agent, satisfiable, status_after
from apps.approvals.states import EXECUTION_MOVES, Choice, Execution, RequestStatus
from apps.common.acting import acting
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.policies import services as policies
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent
from apps.registry.states import AgentStatus

VERBS = {
    Choice.APPROVE: RequestStatus.APPROVED,
    Choice.REJECT: RequestStatus.REJECTED,
    Choice.RETURN: RequestStatus.RETURNED,
}


class Lost(Conflict):
    """Somebody was faster; `request` is as it stands now, and the typed reason is not lost."""

    def __init__(self, sentence: str, request: ApprovalRequest, code: str = "lost") -> None:
        super().__init__(sentence, code)
        self.request = request


@permitted("queues.manage")
@transaction.atomic
def create_queue(*, actor: User | None, slug: str, name: str, purpose: str = "") -> Queue:
    queue = Queue(slug=slug, name=name, purpose=purpose)
    queue.save()
    record(type="queue.created", object=queue)
    return queue


@permitted("queues.manage")
@transaction.atomic
def entrust(*, actor: User | None, queue: Queue, user: User, reason: str) -> None:
    """Gives a person the right to decide in a queue. Nobody gives it to themselves."""
    if actor is not None and actor.pk == user.pk:
        raise NotPermitted("Nobody entrusts a queue to themselves.")
    assign_perm("decide_queue", user, queue)
    record(type="queue_right.granted", object=queue, reason=reason, after={"person": str(user)})


@permitted("queues.manage")
@transaction.atomic
def withdraw_trust(*, actor: User | None, queue: Queue, user: User, reason: str) -> None:
    """Takes the right; the person's votes on what is still open no longer count."""
    remove_perm("decide_queue", user, queue)
    record(type="queue_right.revoked", object=queue, reason=reason, before={"person": str(user)})
    for vote in Vote.objects.filter(voter=user, void=False, request__status="pending"):
        void_lost_right(vote)


def void_lost_right(vote: Vote) -> None:
    sentence = f"{vote.voter_label} lost the right to decide while the request was open."
    if Vote.objects.filter(pk=vote.pk, void=False).update(void=True, void_reason=sentence[:200]):
        record(type="approval.vote_voided", object=vote.request, reason=sentence)


@permitted("queues.manage")
@transaction.atomic
def create_checkpoint(
    *,
    actor: User | None,
    slug: str,
    title: str,
    queue: Queue,
    approvers: int = 1,
    respond_within: int = 3600,
    decide_within: int = 14_400,
    hard: bool = True,
    rate: int = 100,
) -> Checkpoint:
    """A checkpoint for policies to name. Refused when nobody, or too few, could ever pass it."""
    if not satisfiable(approvers, queries.eligible_people(queue.pk), ()):
        raise Invalid(
            f"{queue.name} has too few people for {approvers} approvals; entrust it to more first.",
            "unsatisfiable",
        )
    checkpoint = Checkpoint(
        slug=slug,
        title=title,
        queue=queue,
        approvers=approvers,
        respond_within=respond_within,
        decide_within=decide_within,
        hard=hard,
        rate=rate,
    )
    checkpoint.save()
    record(type="checkpoint.created", object=checkpoint)
    return checkpoint


@transaction.atomic
def change_checkpoint(*, checkpoint: Checkpoint, approvers: int, reason: str) -> None:
    """Another number of people, when the council's motion takes effect. Refused when too few
    could ever pass it."""
    row = Checkpoint.lock(checkpoint.pk)
    if not satisfiable(approvers, queries.eligible_people(row.queue_id), ()):
        raise Invalid(f"{row.queue.name} has too few people for {approvers}.", "unsatisfiable")
    before = row.approvers
    row.approvers = approvers
    with acting(reason=reason):
        row.save()
        record(
            type="checkpoint.changed",
            object=row,
            reason=reason,
            before={"approvers": before},
            after={"approvers": approvers},
        )


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
        action_digest=action_digest,
        title=title,
        summary=summary,
        risk=risk,
        approvers_needed=sum(needed.values()),
        rule_key=asks[0].rule_id[:120],
        rule=rule_snapshot(asks, checkpoints),
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


def tell_people(request: ApprovalRequest, title: str, *, urgent: bool = False) -> None:
    """Notes for everybody who may decide now that the request waits."""
    people: set[int] = set()
    for need in queries.needs_of(request):
        people |= need.eligible
    users = User.objects.filter(pk__in=people)
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
    request = locked(request_id)
    refuse_unless_eligible(actor, request)
    moment = now()
    free = Q(holder__isnull=True) | Q(lease_until__lte=moment) | Q(holder=actor)
    minutes = settings.COUNCIL["CLAIM_MINUTES"]
    won = ApprovalRequest.objects.filter(free, pk=request.pk, status="pending").update(
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
    request = locked(request_id)
    freed = ApprovalRequest.objects.filter(pk=request.pk, holder=actor, status="pending").update(
        holder=None, lease_until=None
    )
    if not freed:
        raise Conflict("You do not hold this request.")
    record(type="approval.released", object=request)
    request.refresh_from_db()
    return request


def locked(request_id: uuid.UUID) -> ApprovalRequest:
    found = (
        ApprovalRequest.objects.select_for_update(of=("self",))
        .select_related("agent")
        .filter(pk=request_id)
        .first()
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


def vote(
    *,
    actor: User,
    request_id: uuid.UUID,
    choice: str,
    reason: str,
    digest: str,
    fence: int | None = None,
    bulk_id: uuid.UUID | None = None,
) -> ApprovalRequest:
    """One person's answer. Everything is checked at this moment: that the request is open and not
    past its time, that the person is eligible and has no conflict, that the digest on their
    screen is the digest stored, and that nobody else holds the claim.

    Raises NotPermitted, Invalid, or Lost with the request as it stands now.
    """
    check_reason(choice, reason)
    try:
        return cast_vote(actor, request_id, choice, reason.strip(), digest, fence, bulk_id)
    except NotPermitted as refusal:
        request = ApprovalRequest.objects.filter(pk=request_id).first()
        record(type="approval.refused", object=request, outcome="denied", reason=refusal.sentence)
        raise


@dataclass(frozen=True)
class Answered:
    """What became of one item of a bulk decision."""

    request: ApprovalRequest
    done: bool
    sentence: str


def vote_many(
    *, actor: User, items: Sequence[tuple[uuid.UUID, str]], choice: str, reason: str
) -> list[Answered]:
    """One answer to several requests of the same rule and action, each on its own digest and each
    by itself: what others decided meanwhile is told and stops nothing.

    Raises Invalid for items that do not belong together, that are more than of medium risk, too
    many at once, or of which too few were opened first.
    """
    check_reason(choice, reason)
    rows = {row.pk: row for row in queries.open_for(actor).filter(pk__in=[pk for pk, _ in items])}
    if not rows:
        raise Invalid("None of these waits for you any more.", "bulk")
    if problem := bulk_problem(list(rows.values()), len(items), queries.looked_at(actor, rows)):
        raise Invalid(problem, "bulk")
    bulk_id = uuid7()
    results = []
    for pk, seen in items:
        row = rows.get(pk)
        if row is None:
            gone = queries.visible(actor).filter(pk=pk).first()
            if gone is not None:
                results.append(Answered(gone, False, decided_sentence(gone)))
            continue
        try:
            decided = vote(
                actor=actor,
                request_id=pk,
                choice=choice,
                reason=reason,
                digest=seen,
                bulk_id=bulk_id,
            )
            results.append(Answered(decided, True, RequestStatus(decided.status).label))
        except (Conflict, NotPermitted) as refusal:
            results.append(Answered(row, False, refusal.sentence))
    return results


def snooze(*, actor: User, request_id: uuid.UUID, hours: int) -> None:
    """Puts a request out of one's own sight for a while. Its clocks go on, and others see it."""
    if not 1 <= hours <= 72:
        raise Invalid("Snooze for 1 to 72 hours.")
    with transaction.atomic():
        request = locked(request_id)
        refuse_unless_eligible(actor, request)
        until = min(now() + dt.timedelta(hours=hours), request.decide_by)
        Snooze.objects.update_or_create(request=request, user=actor, defaults={"until": until})


def unsnooze(*, actor: User, request_id: uuid.UUID) -> None:
    Snooze.objects.filter(request_id=request_id, user=actor).delete()


def note_look(*, actor: User, request_id: uuid.UUID) -> None:
    """The person has the request before them. The first look of anybody is its first touch."""
    moment = now()
    with transaction.atomic():
        request = locked(request_id)
        if queries.why_not(actor, request):
            return
        seen = Look.objects.filter(request=request, user=actor)
        if not seen.update(last_at=moment, times=F("times") + 1):
            Look.objects.create(request=request, user=actor, first_at=moment, last_at=moment)
        ApprovalRequest.objects.filter(pk=request.pk, first_seen_at=None).update(
            first_seen_at=moment
        )
        notices.opened(user=actor, url=url_of(request))


@permitted("queues.manage")
@transaction.atomic
def set_escalation(*, actor: User | None, queue: Queue, to: Queue | None) -> None:
    """Whose people may decide as well once half the time is over."""
    row = Queue.lock(queue.pk)
    if to is not None and to.pk == row.pk:
        raise Invalid("A queue does not escalate to itself.")
    row.escalates_to = to
    row.save()
    record(type="queue.changed", object=row, after={"escalates_to": to.slug if to else ""})


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


def check_reason(choice: str, reason: str) -> None:
    if choice not in Choice.values:
        raise Invalid("Choose approve, reject or send back.", fields={"choice": ["Choose one."]})
    if not reason.strip():
        raise Invalid("Say why: the reason is recorded.", fields={"reason": ["Say why."]})


@transaction.atomic
def cast_vote(
    actor: User,
    request_id: uuid.UUID,
    choice: str,
    reason: str,
    seen: str,
    fence: int | None,
    bulk_id: uuid.UUID | None = None,
) -> ApprovalRequest:
    request = locked(request_id)
    refuse_unless_eligible(actor, request)
    moment = now()
    if request.decide_by <= moment:
        raise Lost("The time to decide has run out.", request, "too_late")
    if seen != request.action_digest:
        raise Lost("What you saw is not what would be done now. Read it again.", request, "digest")
    if copied_from_agent(reason, request.evidence):
        raise Invalid("Say it in your own words.", fields={"reason": ["Not the agent's words."]})
    check_claim(actor, request, fence, moment)
    cast = Vote(
        request=request,
        voter=actor,
        voter_label=str(actor),
        choice=choice,
        reason=reason,
        digest=seen,
        queues=sorted(queries.queue_ids(actor)),
        cast_at=moment,
        bulk_id=bulk_id,
    )
    try:
        with transaction.atomic():
            cast.save(force_insert=True)
    except IntegrityError:
        raise Lost("You have answered already.", request, "voted") from None
    record(
        type="approval.voted",
        object=request,
        outcome=choice,
        reason=reason,
        after={"digest": seen, "choice": choice, "bulk": bulk_id},
    )
    return settle_votes(request, cast, moment)


def check_claim(
    actor: User, request: ApprovalRequest, fence: int | None, moment: dt.datetime
) -> None:
    """A live claim of somebody else bars the way, and so does one's own that was taken over."""
    live = request.lease_until is not None and request.lease_until > moment
    if live and request.holder_id != actor.pk:
        raise Lost(f"{request.holder} is working on this request.", request, "claimed")
    if fence is not None and fence != request.fence:
        raise Lost("Your claim ran out and somebody else took the request.", request, "fence")


def settle_votes(request: ApprovalRequest, cast: Vote, moment: dt.datetime) -> ApprovalRequest:
    """Counts the votes that still count, and ends the request if that decides it."""
    void_unentitled(request)
    status = status_after(queries.needs_of(request), queries.casts(request))
    if status == RequestStatus.PENDING:
        ApprovalRequest.objects.filter(pk=request.pk, status="pending").update(
            holder=None, lease_until=None
        )
        request.refresh_from_db()
        return request
    execute_within = min(item.get("execute_within", 86_400) for item in request.rule["checkpoints"])
    return leave(
        request,
        status,
        note=cast.reason,
        execute_by=moment + dt.timedelta(seconds=execute_within)
        if status == RequestStatus.APPROVED
        else None,
    )


def void_unentitled(request: ApprovalRequest) -> None:
    """While a request is open, the vote of somebody who lost the right does not count."""
    entitled: set[int] = set()
    for need in queries.needs_of(request):
        entitled |= need.eligible
    for vote in request.votes.filter(void=False).exclude(voter_id__in=entitled):
        void_lost_right(vote)


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
