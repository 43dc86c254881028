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
from apps.approvals.services.asking import (
    ask,
)
from apps.approvals.services.calendars import (
    renew_deadlines,
    save_calendar,
)
from apps.approvals.services.deadlines import (
    escalate,
    escalate_due,
    expire_due,
    tell_leads_due,
)
from apps.approvals.services.dispatching import (
    dispatch,
    mark_execution,
    undo,
    undo_many,
)
from apps.approvals.services.edits import (
    consent_of_editor,
    edit,
    reopen,
    reopened,
    take_up,
)
from apps.approvals.services.evidence import (
    note_reading,
)
from apps.approvals.services.freezes import (
    end_freeze,
    plan_freeze,
)
from apps.approvals.services.questions import (
    answer_question,
    ask_back,
    hand_over,
)
from apps.approvals.services.queues import (
    change_checkpoint,
    change_queue,
    create_checkpoint,
    create_queue,
    entrust,
    lend,
    set_escalation,
    set_timing,
    take_back,
    withdraw_trust,
)
from apps.approvals.services.reasons import (
    install_reasons,
    retire_reason,
    save_reason,
)
from apps.approvals.services.requests import (
    Lost,
    cancel_for_action,
    cancel_for_agent,
    cancel_for_stopped_agents,
    cancel_waiting,
    claim,
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
from apps.approvals.services.standing import (
    grant_standing,
    limits_of,
    revoke_standing,
    use_standing,
)
from apps.approvals.services.training import (
    end_training,
    record_training,
)
from apps.approvals.services.upkeep import (
    check_checkpoints,
    supersede_changed,
    void_lost_rights,
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
    "answer_question",
    "ask",
    "ask_back",
    "cancel_for_action",
    "cancel_for_agent",
    "cancel_for_stopped_agents",
    "cancel_waiting",
    "change_checkpoint",
    "change_queue",
    "check_checkpoints",
    "claim",
    "consent_of_editor",
    "create_checkpoint",
    "create_queue",
    "demote",
    "dispatch",
    "edit",
    "end_freeze",
    "end_training",
    "entrust",
    "escalate",
    "escalate_due",
    "expire_due",
    "grant_standing",
    "hand_over",
    "install_reasons",
    "lend",
    "limits_of",
    "make_seeds",
    "mark_execution",
    "note_look",
    "note_reading",
    "note_skipped",
    "plan_freeze",
    "record_training",
    "release",
    "renew_deadlines",
    "reopen",
    "reopened",
    "retire_reason",
    "retire_seed",
    "review_everything",
    "review_seed",
    "review_skipped",
    "revoke_standing",
    "save_calendar",
    "save_reason",
    "save_template",
    "scope_for",
    "set_escalation",
    "set_timing",
    "snooze",
    "supersede_changed",
    "switch_programme",
    "take_back",
    "take_second_look",
    "take_up",
    "tell_leads_due",
    "tighten",
    "undo",
    "undo_many",
    "unsnooze",
    "use_standing",
    "void_lost_rights",
    "vote",
    "vote_many",
    "withdraw_due",
    "withdraw_trust",
]
