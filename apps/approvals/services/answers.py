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
    ReasonCode,
    Snooze,
    Vote,
)
from apps.approvals.rules import (
    MOST_REFUSALS,
    bulk_problem,
    copied_from_agent,
    reason_problem,
    status_after,
)
from apps.approvals.services import ties, vigilance
from apps.approvals.services.dispatching import dispatch_from
from apps.approvals.services.requests import (
    Lost,
    decided_sentence,
    leave,
    locked,
    refuse_unless_as_seen,
    refuse_unless_eligible,
    url_of,
    void_lost_right,
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
    code: str = "",
) -> ApprovalRequest:
    """One person's answer, with the reason in words, and a code of the organisation's list (which
    is enough for a yes below high risk). Everything is checked at this moment: that the request is
    open and not past its time, that the person is eligible and has no conflict, that the digest on
    their screen is the digest stored, and that nobody else holds the claim.

    Raises NotPermitted, Invalid, or Lost with the request as it stands now; what somebody wanted to
    say who came after the decision is kept with it.
    """
    check_choice(choice)
    try:
        decided = cast_vote(actor, request_id, choice, reason.strip(), digest, fence, bulk_id, code)
    except NotPermitted as refusal:
        request = ApprovalRequest.objects.filter(pk=request_id).first()
        record(type="approval.refused", object=request, outcome="denied", reason=refusal.sentence)
        raise
    except Lost as late:
        if late.code in ("decided", "too_late") and queries.might_have_decided(actor, late.request):
            record(
                type="approval.answered_late",
                object=late.request,
                outcome="superseded",
                reason=reason.strip(),
                after={"choice": choice, "by": str(actor)},
            )
        raise
    vigilance.after_vote(user=actor, request=decided)
    return decided


def check_choice(choice: str) -> None:
    if choice not in Choice.values:
        raise Invalid("Choose approve, reject or send back.", fields={"choice": ["Choose one."]})


def grounds(choice: str, reason: str, code: str, risk: str) -> tuple[str, str]:
    """What is written down as the reason, and what the agent is told with a no: the words of the
    code and the person's own. Raises Invalid for an unknown code and for missing grounds."""
    known = ReasonCode.objects.filter(choice=choice, slug=code, retired_at=None).first()
    if code and known is None:
        raise Invalid("Choose a reason of the list.", fields={"code": ["Choose one of the list."]})
    if problem := reason_problem(choice, reason, code, risk):
        raise Invalid(problem, fields={"reason": [problem]})
    if known is None:
        return reason, reason
    told = ". ".join(part.rstrip(".") for part in (known.words, known.instruction) if part)
    return reason or known.words, f"{told}. {reason}".strip()


@transaction.atomic
def cast_vote(
    actor: User,
    request_id: uuid.UUID,
    choice: str,
    reason: str,
    seen: str,
    fence: int | None,
    bulk_id: uuid.UUID | None = None,
    code: str = "",
) -> ApprovalRequest:
    request = locked(request_id, seeds=True)
    ties.refresh(request)
    refuse_unless_eligible(actor, request)
    moment = now()
    if request.decide_by <= moment:
        raise Lost("The time to decide has run out.", request, "too_late")
    refuse_unless_as_seen(request, seen)
    if copied_from_agent(reason, request.evidence):
        raise Invalid("Say it in your own words.", fields={"reason": ["Not the agent's words."]})
    check_claim(actor, request, fence, moment)
    words, told = grounds(choice, reason, code, request.risk)
    if request.is_seed:
        return vigilance.answer(actor, request, choice, words)
    giver = queries.on_behalf(actor, request)
    cast = Vote(
        request=request,
        voter=actor,
        voter_label=f"{actor} for {giver}" if giver else str(actor),
        on_behalf_of=giver,
        choice=choice,
        reason=words,
        reason_code=code,
        digest=seen,
        queues=sorted(queries.queue_ids(actor)),
        barred={str(person): kind for person, kind in queries.barred(request).items()},
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
        reason=words,
        after={
            "digest": seen,
            "choice": choice,
            "bulk": bulk_id,
            "code": code,
            "barred": cast.barred,
        },
    )
    return settle_votes(request, cast, moment, told)


@transaction.atomic
def answered_seed(actor: User, request_id: uuid.UUID, words: str) -> bool:
    """Whether the request was a known-answer item, which anything but a yes answers with a no."""
    request = locked(request_id, seeds=True)
    if not request.is_seed:
        return False
    refuse_unless_eligible(actor, request)
    vigilance.answer(actor, request, Choice.RETURN, words)
    return True


def check_claim(
    actor: User, request: ApprovalRequest, fence: int | None, moment: dt.datetime
) -> None:
    """A live claim of somebody else bars the way, and so does one's own that was taken over."""
    live = request.lease_until is not None and request.lease_until > moment
    if live and request.holder_id != actor.pk:
        raise Lost(f"{request.holder} is working on this request.", request, "claimed")
    if fence is not None and fence != request.fence:
        raise Lost("Your claim ran out and somebody else took the request.", request, "fence")


def settle_votes(
    request: ApprovalRequest, cast: Vote, moment: dt.datetime, told: str
) -> ApprovalRequest:
    """Counts the votes that still count, and ends the request if that decides it."""
    void_unentitled(request)
    status = status_after(queries.needs_of(request), queries.casts(request))
    if status == RequestStatus.PENDING:
        ApprovalRequest.objects.filter(pk=request.pk, status="pending").update(
            holder=None, lease_until=None
        )
        request.refresh_from_db()
        return request
    if status != RequestStatus.APPROVED:
        ended = leave(request, status, code=cast.reason_code, note=told)
        tell_exception(ended)
        return ended
    within = min(item.get("execute_within", 86_400) for item in request.rule["checkpoints"])
    dispatch_at = dispatch_from(moment)
    return leave(
        request,
        status,
        code=cast.reason_code,
        note=cast.reason,
        dispatch_at=dispatch_at,
        execute_by=dispatch_at + dt.timedelta(seconds=within),
    )


def tell_exception(request: ApprovalRequest) -> None:
    """After the third no to the same wish the gate refuses it by itself: from here on it is for
    people to settle, so those who answer for agent and queue are told."""
    if queries.turned_down(request.agent_id, request.intent_digest) != MOST_REFUSALS:
        return
    people = {request.agent.owner_id, *request.rule.get("leads", ())}
    sentence = "The same wish was refused three times. It is not asked again by itself."
    record(type="approval.exhausted", object=request, outcome="denied", reason=sentence)
    notices.tell(
        users=User.objects.filter(pk__in=people, is_active=True),
        title=f"{request.reference} needs you: {sentence} {request.title}",
        url=url_of(request),
        urgent=True,
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
    *,
    actor: User,
    items: Sequence[tuple[uuid.UUID, str]],
    choice: str,
    reason: str,
    code: str = "",
) -> list[Answered]:
    """One answer to several requests of the same rule and action, each on its own digest and each
    by itself: what others decided meanwhile is told and stops nothing.

    Raises Invalid for items that do not belong together, that are more than of medium risk, too
    many at once, or of which too few were opened first.
    """
    check_choice(choice)
    grounds(choice, reason.strip(), code, "low")
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
                code=code,
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
