"""The council's pages, split by noun."""

from __future__ import annotations

from apps.council.views.acts import (
    act,
)
from apps.council.views.council import (
    calendar,
    calendar_file,
    certify,
    council,
)
from apps.council.views.emergency import (
    emergency_page,
    measure,
    measure_act,
)
from apps.council.views.home import (
    absent,
    bad_request,
    failed,
    healthz,
    overview,
)
from apps.council.views.motions import (
    answer,
    comment,
    decisions,
    motion,
    raise_hand,
    record_of,
    vote,
)
from apps.council.views.proposals import (
    propose,
    propose_activation,
    propose_grant,
    propose_level,
    propose_policy,
    propose_rules,
    propose_weights,
)
from apps.council.views.seats import (
    alternate,
    end_seat,
    seats,
)
from apps.council.views.sittings import (
    call,
    sitting,
    sitting_act,
)

__all__ = [
    "absent",
    "act",
    "alternate",
    "answer",
    "bad_request",
    "calendar",
    "calendar_file",
    "call",
    "certify",
    "comment",
    "council",
    "decisions",
    "emergency_page",
    "end_seat",
    "failed",
    "healthz",
    "measure",
    "measure_act",
    "motion",
    "overview",
    "propose",
    "propose_activation",
    "propose_grant",
    "propose_level",
    "propose_policy",
    "propose_rules",
    "propose_weights",
    "raise_hand",
    "record_of",
    "seats",
    "sitting",
    "sitting_act",
    "vote",
]
