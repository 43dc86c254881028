"""The ballot: who may vote, votes, the close."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.urls import reverse

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import notices
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Ballot, Comment, Declaration, Elector, Motion
from apps.council.queries import electorate_of, live_seats, plain_elector, votes_of
from apps.council.rules import Tally, Ties, can_decide, recusal, settled, tally
from apps.council.services.common import constitution, days, locked, move
from apps.council.services.motions import decline_version
from apps.council.states import Choice, Kind, MotionStatus, ObjectionStatus
from apps.ledger.services import record
from apps.policies import adoption
from apps.policies.backtests import base_digest
from apps.policies.states import VersionStatus

MISSES = 2


def ties_for(motions: Sequence[Motion]) -> Callable[[User, Motion], Ties]:
    """What binds a member to a motion, as the records show it, and what they declared."""
    declared = {
        (row.motion_id, row.user_id): row.reason
        for row in Declaration.objects.filter(motion__in=motions)
    }

    def ties_of(user: User, motion: Motion) -> Ties:
        agent, version = motion.agent, motion.version
        return Ties(
            owns_agent=agent is not None and agent.owner_id == user.pk,
            created_agent=agent is not None and agent.created_by_id == user.pk,
            wrote_text=version is not None and version.author_id == user.pk,
            declared=declared.get((motion.pk, user.pk), ""),
        )

    return ties_of


@permitted("council.propose")
@transaction.atomic
def open_ballot(*, actor: User | None, motion: Motion) -> Motion:
    """Freezes text and electorate, and opens the ballot. Members of the council and the system
    (when the period is over) do so; never with an objection unanswered, never on a base that is
    not in force any more."""
    row = locked(motion)
    moment = now()
    if row.status not in (MotionStatus.COMMENT, MotionStatus.INQUORATE):
        raise Conflict(f"{row.reference} is not in review.")
    if row.comment_ends_at is None or row.comment_ends_at > moment:
        raise Conflict("The period for comments is not over.")
    if Comment.objects.filter(motion=row, status=ObjectionStatus.OPEN).exists():
        raise Conflict("An objection has no answer yet.", "objection_open")
    if stale(row):
        raise Conflict("What is in force has changed since; the motion has to be rebased.", "stale")
    return opened(row, moment)


def opened(motion: Motion, moment: dt.datetime, closes: dt.datetime | None = None) -> Motion:
    """The electorate as it stands now; `closes` overrides the period of the motion's class."""
    number = motion.round + 1
    found = constitution()
    ties_of = ties_for([motion])
    electors = [
        Elector(
            motion=motion,
            round=number,
            user=seat.user,
            label=str(seat),
            function=seat.function,
            affiliation=seat.user.department.slug if seat.user.department else "",
            may_veto=seat.function in found.guardians,
            recusal_reason=recusal(ties_of(seat.user, motion), motion.klass)[:300],
        )
        for seat in live_seats().select_related("user__department").order_by("pk")
    ]
    for elector in electors:
        elector.recused = bool(elector.recusal_reason)
    Elector.objects.bulk_create(electors)
    body = [plain_elector(elector) for elector in electors]
    if not can_decide(body):
        move(motion, MotionStatus.ESCALATED, round=number,
             note="Too few members may vote; the named authority decides.")  # fmt: skip
        return motion
    closes = closes or moment + days(found.periods[motion.klass]["ballot"])
    move(
        motion,
        MotionStatus.BALLOT,
        round=number,
        ballot_opened_at=moment,
        ballot_closes_at=closes,
        extended=False,
    )
    notices.tell(
        users=[elector.user for elector in electors if not elector.recused],
        title=f"Your vote: {motion}",
        url=reverse("council:motion", args=[motion.number]),
    )
    return motion


def stale(motion: Motion) -> bool:
    """Whether the packet describes a base that is not in force any more."""
    return motion.kind == Kind.POLICY and motion.packet.get("base_digest") != base_digest()


@permitted("council.sit")
@transaction.atomic
def cast(*, actor: User, motion: Motion, choice: str, reason: str, packet_digest: str) -> Ballot:
    """One vote, on exactly the packet that the member read. It may be changed until the close;
    the last one counts, and all are kept."""
    row = locked(motion)
    moment = now()
    elector = Elector.objects.filter(motion=row, round=row.round, user=actor).first()
    if row.status != MotionStatus.BALLOT:
        raise Conflict(f"{row.reference} is not open for votes.", "closed")
    if row.ballot_closes_at is None or moment >= row.ballot_closes_at:
        raise Conflict("The ballot has closed.", "closed")
    if elector is None:
        raise NotPermitted("You were not on the council when this ballot opened.")
    if elector.recused:
        raise NotPermitted(f"You do not vote on this motion: {elector.recusal_reason}")
    if packet_digest != row.packet_digest:
        raise Conflict("The text has changed since you opened it; read it again.", "stale_packet")
    if choice not in Choice.values:
        raise Invalid("Vote for, against, or abstain.")
    if choice == Choice.VETO and not (elector.may_veto and row.loosens):
        raise NotPermitted("A veto belongs to the guardians, on motions that loosen.")
    if choice in (Choice.AGAINST, Choice.VETO) and not reason.strip():
        raise Invalid("Say why you are against it.", fields={"reason": ["Say why."]})
    ballot = Ballot(
        motion=row,
        round=row.round,
        user=actor,
        choice=choice,
        reason=reason.strip(),
        packet_digest=packet_digest,
        cast_at=moment,
    )
    ballot.save(force_insert=True)
    record(
        type="motion.voted",
        object=row,
        after={"round": row.round, "packet": packet_digest, "ballot": str(ballot.pk)},
    )
    return ballot


def close_due() -> int:
    """Closes the ballots whose time is over, or whose outcome nobody can change any more."""
    closed = 0
    for motion in Motion.objects.filter(status=MotionStatus.BALLOT):
        with transaction.atomic():
            row = locked(motion)
            if row.status == MotionStatus.BALLOT and may_close(row):
                close(row)
                closed += 1
    return closed


def may_close(motion: Motion) -> bool:
    moment = now()
    if motion.ballot_closes_at is not None and moment >= motion.ballot_closes_at:
        return True
    found = constitution()
    least = days(found.periods[motion.klass]["least_open"])
    if motion.ballot_opened_at is None or moment < motion.ballot_opened_at + least:
        return False
    rules = found.rules_for(motion.klass, loosens=motion.loosens)
    return settled(electorate_of(motion), votes_of(motion), rules)


def close(motion: Motion) -> Tally:
    """Counts, and moves the motion on. A quorum that is missed once extends the ballot, missed
    twice defeats the motion."""
    found = constitution()
    rules = found.rules_for(motion.klass, loosens=motion.loosens)
    result = tally(electorate_of(motion), votes_of(motion), rules)
    told = {
        "outcome": result.outcome,
        "sentence": result.sentence,
        "for": result.votes_for,
        "against": result.against,
        "abstained": result.abstained,
        "eligible": result.eligible,
        "seats": result.seats,
        "cast": result.cast,
        "quorum": result.quorum_needed,
    }
    record(type="motion.tallied", object=motion, after={**told, "round": motion.round})
    if result.outcome == "adopted":
        wait = 0 if motion.kind == Kind.RATIFY else found.periods[motion.klass]["timelock"]
        if motion.version is not None:
            adoption.move_version(
                version=motion.version, to=VersionStatus.ADOPTED, reason=f"By {motion.reference}."
            )
        move(motion, MotionStatus.WAITING, result=told, effective_at=now() + days(wait),
             note=result.sentence)  # fmt: skip
    elif result.outcome == "inquorate" and motion.misses + 1 < MISSES:
        extend(motion, told)
    else:
        to = {
            "vetoed": MotionStatus.VETOED,
            "inquorate": MotionStatus.DEFEATED,
        }.get(result.outcome, MotionStatus.DEFEATED)
        note = result.sentence
        if result.outcome == "inquorate":
            note = f"The quorum was missed twice. {note}"
        move(motion, to, result=told, note=note)
        decline_version(motion, f"By {motion.reference}: {note}")
    return result


def extend(motion: Motion, told: dict[str, Any]) -> None:
    """Once more as long, for those who have not voted."""
    longer = now() + days(constitution().periods[motion.klass]["ballot"])
    Motion.objects.filter(pk=motion.pk, status=MotionStatus.BALLOT).update(
        misses=motion.misses + 1, extended=True, ballot_closes_at=longer, result=told
    )
    record(type="motion.extended", object=motion, reason=told["sentence"])
