"""The council's pages, split by noun."""

from __future__ import annotations

from apps.council.views.acts import (
    act,
)
from apps.council.views.council import (
    certify,
    council,
)
from apps.council.views.emergency import (
    emergency_page,
    measure,
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
    vote,
)
from apps.council.views.proposals import (
    propose,
    propose_activation,
    propose_grant,
    propose_policy,
)
from apps.council.views.sittings import (
    call,
    sitting,
    sitting_act,
)

__all__ = [
    "absent",
    "act",
    "answer",
    "bad_request",
    "call",
    "certify",
    "comment",
    "council",
    "decisions",
    "emergency_page",
    "failed",
    "healthz",
    "measure",
    "motion",
    "overview",
    "propose",
    "propose_activation",
    "propose_grant",
    "propose_policy",
    "sitting",
    "sitting_act",
    "vote",
]
