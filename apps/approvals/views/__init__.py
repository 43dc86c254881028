"""The pages of approvals, split by noun."""

from __future__ import annotations

from apps.approvals.views.beforehand import (
    end_freeze,
    freezes,
    standing,
    standing_one,
)
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
from apps.approvals.views.life import (
    ask_back,
    edit,
    question,
    reopen,
    undo,
    undo_together,
)
from apps.approvals.views.people import (
    delegations,
    end_delegation,
    notices_page,
)
from apps.approvals.views.queues import (
    calendar,
    change_queue,
    entrust,
    new_checkpoint,
    new_queue,
    queue,
    queues,
    reasons,
    renew_deadlines,
    retire_reason,
    timing,
    withdraw,
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
    "ask_back",
    "bulk",
    "calendar",
    "change_queue",
    "chosen_items",
    "claim",
    "decide",
    "delegations",
    "edit",
    "end_delegation",
    "end_freeze",
    "end_training",
    "entrust",
    "freezes",
    "inbox",
    "insight",
    "item",
    "levels_page",
    "list_context",
    "look",
    "make_seeds",
    "my_vigilance",
    "new_checkpoint",
    "new_queue",
    "notices_page",
    "programme",
    "pulse",
    "question",
    "queue",
    "queues",
    "reasons",
    "release",
    "renew_deadlines",
    "reopen",
    "retire_reason",
    "reveal",
    "second_look",
    "second_looks",
    "seed",
    "show",
    "skipped",
    "skipped_item",
    "snooze",
    "standing",
    "standing_one",
    "state",
    "template",
    "tighten",
    "timing",
    "training",
    "undo",
    "undo_together",
    "withdraw",
]
