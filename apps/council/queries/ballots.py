from __future__ import annotations

from dataclasses import dataclass

from apps.access.models import User
from apps.common.clock import now
from apps.council import rules
from apps.council.models import Ballot, Elector, Motion, Seat
from apps.council.states import MotionStatus


def plain_elector(elector: Elector) -> rules.Elector:
    return rules.Elector(
        elector.user_id,
        elector.function,
        elector.affiliation,
        elector.recused,
        elector.may_veto,
    )


def electorate_of(motion: Motion) -> list[rules.Elector]:
    """The electorate of the running round. Whoever lost their seat for cause and had not voted
    is taken out of it; everybody else stays as they stood."""
    rows = list(Elector.objects.filter(motion=motion, round=motion.round).order_by("pk"))
    voted = set(
        Ballot.objects.filter(motion=motion, round=motion.round, void=False).values_list(
            "user_id", flat=True
        )
    )
    gone = set(
        Seat.objects.filter(
            user__in=[row.user_id for row in rows],
            ended_for_cause=True,
            ends_at__gte=motion.ballot_opened_at or now(),
        ).values_list("user_id", flat=True)
    )
    out = gone - voted
    return [plain_elector(row) for row in rows if row.user_id not in out]


def votes_of(motion: Motion) -> list[rules.Vote]:
    """Valid ballots of the running round, in the order in which they were cast."""
    rows = Ballot.objects.filter(motion=motion, round=motion.round, void=False)
    return [
        rules.Vote(row.user_id, row.choice, row.reason) for row in rows.order_by("cast_at", "pk")
    ]


@dataclass(frozen=True)
class BallotView:
    """The ballot as one reader may see it: the tally stays hidden until they have voted or it is
    closed; those without a vote see it at the close."""

    electors: list[Elector]
    cast: int
    quorum: int
    mine: Ballot | None
    may_vote: bool
    why_not: str
    tally: rules.Tally | None
    votes: list[Ballot]


def ballot(reader: User, motion: Motion, constitution: rules.Constitution) -> BallotView | None:
    if motion.round == 0:
        return None
    electors = list(
        Elector.objects.filter(motion=motion, round=motion.round)
        .select_related("user")
        .order_by("function", "pk")
    )
    rows = list(
        Ballot.objects.filter(motion=motion, round=motion.round)
        .select_related("user")
        .order_by("cast_at", "pk")
    )
    mine = next((row for row in reversed(rows) if row.user_id == reader.pk and not row.void), None)
    elector = next((each for each in electors if each.user_id == reader.pk), None)
    is_open = motion.status == MotionStatus.BALLOT
    found = rules.tally(
        electorate_of(motion),
        votes_of(motion),
        constitution.rules_for(motion.klass, loosens=motion.loosens),
    )
    visible = not is_open or mine is not None
    latest = {row.user_id: row for row in rows if not row.void}
    return BallotView(
        electors=electors,
        cast=found.cast,
        quorum=found.quorum_needed,
        mine=mine,
        may_vote=is_open and elector is not None and not elector.recused,
        why_not=why_not(elector),
        tally=found if visible else None,
        votes=list(latest.values()) if visible else [],
    )


def why_not(elector: Elector | None) -> str:
    if elector is None:
        return "You were not on the council when this ballot opened."
    return elector.recusal_reason
