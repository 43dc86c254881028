"""The pages of approvals, split by noun."""

from __future__ import annotations

from apps.approvals.views.figures import (
    insight,
)
from apps.approvals.views.items import (
    after_decision,
    claim,
    decide,
    inbox,
    item,
    list_context,
    look,
    pulse,
    release,
    show,
    snooze,
    state,
)
from apps.approvals.views.people import (
    delegations,
    end_delegation,
    notices_page,
)
from apps.approvals.views.scopes import (
    levels_page,
    skipped,
    skipped_item,
    tighten,
)
from apps.approvals.views.together import (
    bulk,
    chosen_items,
)
from apps.approvals.views.training import (
    end_training,
    training,
)
from apps.approvals.views.vigilance import (
    make_seeds,
    my_vigilance,
    programme,
    reveal,
    second_look,
    second_looks,
    seed,
    template,
)

__all__ = [
    "after_decision",
    "bulk",
    "chosen_items",
    "claim",
    "decide",
    "delegations",
    "end_delegation",
    "end_training",
    "inbox",
    "insight",
    "item",
    "levels_page",
    "list_context",
    "look",
    "make_seeds",
    "my_vigilance",
    "notices_page",
    "programme",
    "pulse",
    "release",
    "reveal",
    "second_look",
    "second_looks",
    "seed",
    "show",
    "skipped",
    "skipped_item",
    "snooze",
    "state",
    "template",
    "tighten",
    "training",
]
