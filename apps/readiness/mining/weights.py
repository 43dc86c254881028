"""How much each of the eight dimensions counts where the council has set nothing else. A proposal:
no outcome has validated it. Light, so that pages may import it."""

from __future__ import annotations

import math
from collections.abc import Mapping

WEIGHTS = {
    "rules": 0.22,
    "data": 0.18,
    "conform": 0.13,
    "access": 0.13,
    "exceptions": 0.12,
    "reverse": 0.10,
    "stability": 0.07,
    "owner": 0.05,
}
NAMES = {
    "rules": "Rules: how far recorded facts decide what follows",
    "data": "Data: the weakest critical field",
    "conform": "Procedure: cases that go as documented",
    "access": "Access: work in sanctioned systems that software may use",
    "exceptions": "Exceptions: cases without rework or rare ways",
    "reverse": "Undo: harm that a tested undo takes back",
    "stability": "Stability: how little the work changes from month to month",
    "owner": "Owner: owner, fresh procedure, escalation, reviewers",
}


def problem(values: Mapping[str, float]) -> str:
    """Why these are no weights; "" when they are: each of the eight once, none below zero, and
    together 1."""
    if set(values) != set(WEIGHTS):
        return "Each of the eight dimensions has one weight."
    if not all(math.isfinite(each) and each >= 0 for each in values.values()):
        return "No weight is below zero."
    total = math.fsum(values.values())
    return "" if abs(total - 1) < 1e-9 else f"The weights come to {total:.3f}, and must come to 1."
