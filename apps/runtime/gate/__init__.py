"""The gate: every action of every agent passes `attempt`, and `resume` after a person decided.

Order: agent and credential in standing → grant → tool pin unchanged → input schema → limits →
facts → policies → checkpoint sampling → record and commit → effect → output schema → settle,
record. Anything that goes wrong while judging is a deny or a review, never an allow.
"""

from __future__ import annotations

from apps.runtime.gate.doors import attempt, foreseen, give_up, look_up, resolve, resume
from apps.runtime.gate.reading import Reading
from apps.runtime.gate.reading import read as look
from apps.runtime.gate.second import reopen
from apps.runtime.gate.undoing import resolve_undo, undo

__all__ = [
    "Reading",
    "attempt",
    "foreseen",
    "give_up",
    "look",
    "look_up",
    "reopen",
    "resolve",
    "resolve_undo",
    "resume",
    "undo",
]
