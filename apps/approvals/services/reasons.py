"""The organisation's own list of reasons."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals.models import ReasonCode
from apps.approvals.states import Choice
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record

DEFAULTS = [
    ("approve", "matches", "Checked: matches the records", ""),
    ("approve", "exception", "Exception that I answer for", ""),
    ("approve", "agreed", "Agreed with the people concerned", ""),
    ("reject", "wrong-amount", "Wrong amount", "Check the amount against the order first."),
    ("reject", "wrong-party", "Wrong person or company", "Check who it is for first."),
    ("reject", "duplicate", "Done already", "Look for an earlier one first."),
    ("reject", "against-rules", "Against the rules", "Do not try this again."),
    ("reject", "suspicious", "Suspicious", "Stop here; a person looks into it."),
    ("return", "missing", "Something is missing", "Get what is missing, then ask again."),
    ("return", "unclear", "Unclear why", "Say what it is for, then ask again."),
    ("return", "smaller", "Do less", "Ask for less, then ask again."),
]


@transaction.atomic
def install_reasons() -> None:
    """The reasons that the product comes with, where there is no list at all yet."""
    if ReasonCode.objects.exists():
        return
    with acting(kind="system", label="system", reason="The reasons that the product comes with."):
        for choice, slug, words, instruction in DEFAULTS:
            ReasonCode(choice=choice, slug=slug, words=words, instruction=instruction).save()


@permitted("queues.manage")
@transaction.atomic
def save_reason(
    *, actor: User | None, choice: str, slug: str, words: str, instruction: str = ""
) -> ReasonCode:
    """Adds a reason, or changes its words; what was decided with it keeps its code."""
    if choice not in Choice.values or not words.strip():
        raise Invalid("A reason has an answer and words.", fields={"words": ["Write some."]})
    row = ReasonCode.objects.filter(choice=choice, slug=slug).first() or ReasonCode(
        choice=choice, slug=slug
    )
    row.words, row.instruction, row.retired_at = words.strip(), instruction.strip(), None
    row.save()
    record(type="reason_code.saved", object=row, after={"words": row.words})
    return row  # type: ignore[no-any-return]


@permitted("queues.manage")
@transaction.atomic
def retire_reason(*, actor: User | None, reason: ReasonCode) -> None:
    """Takes it off the list. What was decided with it keeps it."""
    row = ReasonCode.lock(reason.pk)
    if not row.compare_and_set(where={"retired_at": None}, retired_at=now()):
        raise Conflict("It is off the list already.")
    record(type="reason_code.retired", object=row)
