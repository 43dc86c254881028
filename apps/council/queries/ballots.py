from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    may_veto: bool
    why_not: str
    counts: Mapping[str, Any] | None
    votes: list[Ballot]


def ballot(reader: User, motion: Motion, constitution: rules.Constitution) -> BallotView | None:
    if motion.round == 0:
        return None
    electors = list(
        Elector.objects.filter(motion=motion, round=motion.round)
        .select_related("user", "sits_for")
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
        may_veto=elector is not None and elector.may_veto and motion.loosens,
        why_not=elector.recusal_reason if elector else why_no_elector(motion, reader),
        counts=counts_of(motion, found) if visible else None,
        votes=list(latest.values()) if visible else [],
    )


def counts_of(motion: Motion, found: rules.Tally) -> Mapping[str, Any]:
    """As it was counted at the close, by the rules that held then; before that, as it stands."""
    if motion.closed_at is not None and motion.result:
        return motion.result  # type: ignore[no-any-return]
    return {"for": found.votes_for, "against": found.against, "abstained": found.abstained}


def why_no_elector(motion: Motion, reader: User) -> str:
    rows = Elector.objects.filter(motion=motion, round=motion.round, sits_for=reader)
    instead = rows.select_related("user").first()
    if instead is not None:
        return f"{instead.user} sits for you on this motion: {instead.sits_because}"
    return "You were not on the council when this ballot opened."
