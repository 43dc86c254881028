"""The count of a ballot, as it is kept and shown."""

from __future__ import annotations

from typing import Any

from apps.council.models import Motion
from apps.council.queries import electorate_of, votes_of
from apps.council.rules import ClassRules, Tally, tally
from apps.council.services.common import constitution
from apps.ledger.services import record


def rules_of(motion: Motion) -> ClassRules:
    return constitution().rules_for(motion.klass, loosens=motion.loosens)


def counted(motion: Motion) -> tuple[Tally, dict[str, Any]]:
    """The count, and how it is kept and shown; on record."""
    result = tally(electorate_of(motion), votes_of(motion), rules_of(motion))
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
    return result, told
