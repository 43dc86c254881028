"""What the council's pages read, already filtered for the reader, split by noun."""

from __future__ import annotations

from apps.council.queries.agenda import (
    Forecast,
    certifications,
    decided_in,
    forecast,
    incidents_in_review,
    silent_rules,
    sitting,
    sittings,
    unused_grants,
)
from apps.council.queries.ballots import (
    BallotView,
    ballot,
    electorate_of,
    plain_elector,
    votes_of,
)
from apps.council.queries.emergency import (
    consequences,
    has_power,
    measure,
    measures,
)
from apps.council.queries.home import (
    overview,
)
from apps.council.queries.motions import (
    SHOWN,
    Row,
    comments,
    decisions,
    escalated_objections,
    motion,
    open_motions,
    open_objections,
    owed,
    owes_hand,
    questions,
    rivals,
)
from apps.council.queries.seats import (
    fit_alternates,
    live_seats,
    named_authority,
    past_seats,
)

__all__ = [
    "SHOWN",
    "BallotView",
    "Forecast",
    "Row",
    "ballot",
    "certifications",
    "comments",
    "consequences",
    "decided_in",
    "decisions",
    "electorate_of",
    "escalated_objections",
    "fit_alternates",
    "forecast",
    "has_power",
    "incidents_in_review",
    "live_seats",
    "measure",
    "measures",
    "motion",
    "named_authority",
    "open_motions",
    "open_objections",
    "overview",
    "owed",
    "owes_hand",
    "past_seats",
    "plain_elector",
    "questions",
    "rivals",
    "silent_rules",
    "sitting",
    "sittings",
    "unused_grants",
    "votes_of",
]
