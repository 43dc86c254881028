"""The ballot: who may vote, votes, the close."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Ballot, Comment, Elector, Motion, Question
from apps.council.queries import electorate_of, live_seats, plain_elector, votes_of
from apps.council.queries.ballots import why_no_elector
from apps.council.queries.seats import Place, places
from apps.council.rules import (
    SECOND_BALLOT_DAYS,
    Tally,
    came_late,
    can_decide,
    settled,
    tally,
)
from apps.council.services.common import constitution, days, decline_version, locked, move, said
from apps.council.services.counting import counted, rules_of
from apps.council.services.ties import ties_for
from apps.council.states import Choice, Kind, MotionStatus, ObjectionStatus, QuestionStatus
from apps.ledger.services import record
from apps.policies import adoption
from apps.policies.backtests import base_digest
from apps.policies.states import VersionStatus

MISSES = 2


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
    if Question.objects.filter(motion=row, status=QuestionStatus.OPEN).exists():
        raise Conflict("Members have not decided yet whether all are impartial.", "question_open")
    if stale(row):
        raise Conflict("What is in force has changed since; the motion has to be rebased.", "stale")
    return opened(row, moment)


def opened(motion: Motion, moment: dt.datetime, closes: dt.datetime | None = None) -> Motion:
    """The electorate as it stands now; `closes` overrides the period of the motion's class."""
    number = motion.round + 1
    found = constitution()
    sitting = places(motion, live_seats().order_by("pk"), ties_for([motion]))
    electors = [elector(motion, number, place, found.guardians) for place in sitting]
    Elector.objects.bulk_create(electors)
    if not can_decide([plain_elector(each) for each in electors]):
        move(motion, MotionStatus.ESCALATED, round=number,
             note="Too few members may vote; the named authority decides.")  # fmt: skip
        return motion
    move(
        motion,
        MotionStatus.BALLOT,
        round=number,
        ballot_opened_at=moment,
        ballot_closes_at=closes or moment + days(found.periods[motion.klass]["ballot"]),
        extended=False,
    )
    return motion


def elector(motion: Motion, number: int, place: Place, guardians: tuple[str, ...]) -> Elector:
    seat, user = place.seat, place.user
    instead = user.pk != seat.user_id
    return Elector(
        motion=motion,
        round=number,
        user=user,
        label=f"{user} ({seat.get_function_display()})",
        function=seat.function,
        affiliation=user.department.slug if user.department else "",
        may_veto=seat.function in guardians,
        recused=bool(place.recusal),
        recusal_reason=place.recusal[:300],
        sits_for=seat.user if instead else None,
        sits_because=place.because[:300],
    )


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
    voter = Elector.objects.filter(motion=row, round=row.round, user=actor).first()
    check_open(row, moment, packet_digest)
    check_vote(row, voter, actor, choice, reason)
    rules = rules_of(row)
    before = tally(electorate_of(row), votes_of(row), rules)
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
    if came_late(before, tally(electorate_of(row), votes_of(row), rules)):
        stay_open(row, moment)
    return ballot


def check_open(row: Motion, moment: dt.datetime, packet_digest: str) -> None:
    if row.status != MotionStatus.BALLOT:
        raise Conflict(f"{row.reference} is not open for votes.", "closed")
    if row.ballot_closes_at is None or moment >= row.ballot_closes_at:
        raise Conflict("The ballot has closed.", "closed")
    if packet_digest != row.packet_digest:
        raise Conflict("The text has changed since you opened it; read it again.", "stale_packet")


def check_vote(row: Motion, voter: Elector | None, actor: User, choice: str, reason: str) -> None:
    if voter is None:
        raise NotPermitted(why_no_elector(row, actor))
    if actor.pk not in {elector.person for elector in electorate_of(row)}:
        raise NotPermitted("Your seat has ended, and with it your vote.")
    if voter.recused:
        raise NotPermitted(f"You do not vote on this motion: {voter.recusal_reason}")
    if choice not in Choice.values:
        raise Invalid("Vote for, against, or abstain.")
    if choice == Choice.VETO and not (voter.may_veto and row.loosens):
        raise NotPermitted("A veto belongs to the guardians, on motions that loosen.")
    if choice in (Choice.AGAINST, Choice.VETO):
        said(reason, "Say why you are against it.")
    if choice == Choice.CONFLICT:
        said(reason, "Say what binds you.")


def stay_open(motion: Motion, moment: dt.datetime) -> None:
    """A quorum that comes in the last days keeps the ballot open so many days longer, once. The
    ballot about a measure closes with the measure, whatever happens."""
    late = days(constitution().periods[motion.klass]["late"])
    closes = motion.ballot_closes_at
    if motion.extended or motion.kind == Kind.RATIFY or closes is None or closes - moment >= late:
        return
    Motion.objects.filter(pk=motion.pk, status=MotionStatus.BALLOT).update(
        extended=True, ballot_closes_at=moment + late
    )
    record(
        type="motion.extended",
        object=motion,
        reason="The quorum came late.",
        after={"ballot_closes_at": moment + late},
    )


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
    least = days(constitution().periods[motion.klass]["least_open"])
    if motion.ballot_opened_at is None or moment < motion.ballot_opened_at + least:
        return False
    return settled(electorate_of(motion), votes_of(motion), rules_of(motion))


def close(motion: Motion) -> Tally:
    """Counts, and moves the motion on. A quorum that is missed once gives a second ballot, missed
    twice it defeats the motion."""
    result, told = counted(motion)
    changes: dict[str, Any] = {"result": told, "closed_at": now()}
    if result.outcome == "adopted":
        adopt(motion, result.sentence, **changes)
    elif result.outcome == "escalated":
        move(motion, MotionStatus.ESCALATED, note=result.sentence, **changes)
    elif result.outcome == "inquorate":
        missed(motion, result.sentence, **changes)
    else:
        to = MotionStatus.VETOED if result.outcome == "vetoed" else MotionStatus.DEFEATED
        move(motion, to, note=result.sentence, **changes)
        decline_version(motion, f"By {motion.reference}: {result.sentence}")
    return result


def adopt(motion: Motion, sentence: str, **changes: Any) -> None:
    """Adopted: the waiting time of its class begins. An emergency does not wait."""
    wait = 0 if motion.kind == Kind.RATIFY else constitution().periods[motion.klass]["timelock"]
    if motion.version is not None:
        adoption.move_version(
            version=motion.version, to=VersionStatus.ADOPTED, reason=f"By {motion.reference}."
        )
    move(motion, MotionStatus.WAITING, effective_at=now() + days(wait), note=sentence, **changes)


def missed(motion: Motion, sentence: str, **changes: Any) -> None:
    """The second ballot opens by itself with the council as it then is, so that alternates can be
    named; the ballot about a measure has no second."""
    misses = motion.misses + 1
    changes["misses"] = misses
    if misses < MISSES and motion.kind != Kind.RATIFY:
        again = now() + days(SECOND_BALLOT_DAYS)
        move(motion, MotionStatus.INQUORATE, note=sentence, comment_ends_at=again,
             **changes)  # fmt: skip
        return
    note = sentence
    if misses >= MISSES:
        note = f"The quorum was missed twice. {note}"
    move(motion, MotionStatus.DEFEATED, note=note, **changes)
    decline_version(motion, f"By {motion.reference}: {note}")
