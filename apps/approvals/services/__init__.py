"""The verbs of approvals, split by noun; the rest of the product calls them from here."""

from __future__ import annotations

from apps.approvals.services.answers import (
    Answered,
    note_look,
    snooze,
    unsnooze,
    vote,
    vote_many,
)
from apps.approvals.services.evidence import (
    note_reading,
)
from apps.approvals.services.queues import (
    change_checkpoint,
    create_checkpoint,
    create_queue,
    entrust,
    lend,
    set_escalation,
    take_back,
    withdraw_trust,
)
from apps.approvals.services.requests import (
    Lost,
    ask,
    cancel_for_action,
    cancel_for_agent,
    cancel_for_stopped_agents,
    claim,
    dispatch,
    escalate_due,
    expire_due,
    mark_execution,
    release,
)
from apps.approvals.services.scopes import (
    demote,
    note_skipped,
    review_everything,
    review_skipped,
    scope_for,
    tighten,
)
from apps.approvals.services.training import (
    end_training,
    record_training,
)
from apps.approvals.services.vigilance import (
    make_seeds,
    retire_seed,
    review_seed,
    save_template,
    switch_programme,
    take_second_look,
    withdraw_due,
)

__all__ = [
    "Answered",
    "Lost",
    "ask",
    "cancel_for_action",
    "cancel_for_agent",
    "cancel_for_stopped_agents",
    "change_checkpoint",
    "claim",
    "create_checkpoint",
    "create_queue",
    "demote",
    "dispatch",
    "end_training",
    "entrust",
    "escalate_due",
    "expire_due",
    "lend",
    "make_seeds",
    "mark_execution",
    "note_look",
    "note_reading",
    "note_skipped",
    "record_training",
    "release",
    "retire_seed",
    "review_everything",
    "review_seed",
    "review_skipped",
    "save_template",
    "scope_for",
    "set_escalation",
    "snooze",
    "switch_programme",
    "take_back",
    "take_second_look",
    "tighten",
    "unsnooze",
    "vote",
    "vote_many",
    "withdraw_due",
    "withdraw_trust",
]
