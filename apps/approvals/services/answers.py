"""What people do with a question: answer, one or many at once, look, snooze."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.access.models import User
from apps.approvals import notices, queries
from apps.approvals.models import (
    ApprovalRequest,
    Look,
    Snooze,
    Vote,
)
from apps.approvals.rules import bulk_problem, copied_from_agent, status_after
from apps.approvals.services import vigilance
from apps.approvals.services.queues import void_lost_right
from apps.approvals.services.requests import (
    Lost,
    decided_sentence,
    leave,
    locked,
    refuse_unless_eligible,
    url_of,
)
from apps.approvals.states import Choice, RequestStatus
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.ledger.services import record


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
        decided = cast_vote(actor, request_id, choice, reason.strip(), digest, fence, bulk_id)
    except NotPermitted as refusal:
        request = ApprovalRequest.objects.filter(pk=request_id).first()
        record(type="approval.refused", object=request, outcome="denied", reason=refusal.sentence)
        raise
    vigilance.after_vote(user=actor, request=decided)
    return decided


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
    request = locked(request_id, seeds=True)
    refuse_unless_eligible(actor, request)
    moment = now()
    if request.decide_by <= moment:
        raise Lost("The time to decide has run out.", request, "too_late")
    if seen != request.action_digest:
        raise Lost("What you saw is not what would be done now. Read it again.", request, "digest")
    if copied_from_agent(reason, request.evidence):
        raise Invalid("Say it in your own words.", fields={"reason": ["Not the agent's words."]})
    check_claim(actor, request, fence, moment)
    if request.is_seed:
        return vigilance.answer(actor, request, choice, reason)
    giver = queries.on_behalf(actor, request)
    cast = Vote(
        request=request,
        voter=actor,
        voter_label=f"{actor} for {giver}" if giver else str(actor),
        on_behalf_of=giver,
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
    for vote in request.votes.filter(void=False):
        if (vote.on_behalf_of_id or vote.voter_id) not in entitled:
            void_lost_right(vote)


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
    if queries.misses_defects(actor):
        raise Invalid("Too many known-answer items were missed: decide one by one.", "bulk")
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
            words = "A known-answer item." if decided.is_seed else ""
            results.append(Answered(decided, True, words or RequestStatus(decided.status).label))
        except (Conflict, NotPermitted) as refusal:
            results.append(Answered(row, False, refusal.sentence))
    return results


def snooze(*, actor: User, request_id: uuid.UUID, hours: int) -> None:
    """Puts a request out of one's own sight for a while. Its clocks go on, and others see it."""
    if not 1 <= hours <= 72:
        raise Invalid("Snooze for 1 to 72 hours.")
    with transaction.atomic():
        request = locked(request_id, seeds=True)
        refuse_unless_eligible(actor, request)
        until = min(now() + dt.timedelta(hours=hours), request.decide_by)
        Snooze.objects.update_or_create(request=request, user=actor, defaults={"until": until})


def unsnooze(*, actor: User, request_id: uuid.UUID) -> None:
    Snooze.objects.filter(request_id=request_id, user=actor).delete()


def note_look(*, actor: User, request_id: uuid.UUID) -> None:
    """The person has the request before them. The first look of anybody is its first touch."""
    moment = now()
    with transaction.atomic():
        request = locked(request_id, seeds=True)
        if queries.why_not(actor, request):
            return
        seen = Look.objects.filter(request=request, user=actor)
        if not seen.update(last_at=moment, times=F("times") + 1):
            Look.objects.create(request=request, user=actor, first_at=moment, last_at=moment)
        ApprovalRequest.objects.filter(pk=request.pk, first_seen_at=None).update(
            first_seen_at=moment
        )
        notices.opened(user=actor, url=url_of(request))
