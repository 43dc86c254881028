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

__all__ = [
    "after_decision",
    "bulk",
    "chosen_items",
    "claim",
    "decide",
    "delegations",
    "end_delegation",
    "inbox",
    "insight",
    "item",
    "levels_page",
    "list_context",
    "look",
    "notices_page",
    "pulse",
    "release",
    "show",
    "skipped",
    "skipped_item",
    "snooze",
    "state",
    "tighten",
]
