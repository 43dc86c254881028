"""The council's tables, split by noun."""

from __future__ import annotations

from apps.council.models.ballots import Ballot, Elector
from apps.council.models.measures import Measure
from apps.council.models.motions import Comment, Declaration, Motion
from apps.council.models.questions import Answer, Question
from apps.council.models.seats import Charter, Seat
from apps.council.models.sittings import Certification, Note, Sitting

__all__ = [
    "Answer",
    "Ballot",
    "Certification",
    "Charter",
    "Comment",
    "Declaration",
    "Elector",
    "Measure",
    "Motion",
    "Note",
    "Question",
    "Seat",
    "Sitting",
]
