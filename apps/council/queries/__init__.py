"""What the council's pages read, already filtered for the reader, split by noun."""

from __future__ import annotations

from apps.council.queries.agenda import (
    Forecast,
    certifications,
    forecast,
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
from apps.council.queries.emergency import has_power, measures
from apps.council.queries.home import (
    overview,
)
from apps.council.queries.motions import (
    SHOWN,
    Row,
    comments,
    decisions,
    motion,
    open_motions,
    open_objections,
    owed,
)
from apps.council.queries.seats import live_seats

__all__ = [
    "SHOWN",
    "BallotView",
    "Forecast",
    "Row",
    "ballot",
    "certifications",
    "comments",
    "decisions",
    "electorate_of",
    "forecast",
    "has_power",
    "live_seats",
    "measures",
    "motion",
    "open_motions",
    "open_objections",
    "overview",
    "owed",
    "plain_elector",
    "silent_rules",
    "sitting",
    "sittings",
    "unused_grants",
    "votes_of",
]
