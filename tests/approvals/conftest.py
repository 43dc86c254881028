from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import ask, save_reason, vote
from apps.common.clock import now
from apps.common.ids import uuid7
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS

Ask = Callable[..., ApprovalRequest]
DIGEST = "d" * 64


@pytest.fixture
def question(agent: Agent, checkpoint: Any) -> Ask:
    def put(approvers: int = 1, **changes: Any) -> ApprovalRequest:
        fields: dict[str, Any] = {
            "agent": agent,
            "action_ref": uuid7(),
            "tool": "shelf.put",
            "intent_digest": "i" * 64,
            "action_digest": DIGEST,
            "title": "Put 11 books",
            "summary": "More than ten.",
            "risk": "low",
            "asks": [CheckpointAsk("shelf", approvers, 600, False, "r", "More than ten.")],
            "evidence": {"purpose": "Restock the shelf", "why": [], "will_happen": {}},
        }
        return ask(**{**fields, **changes})

    return put


@pytest.fixture
def ready(agent: Agent, policy: Callable[..., Any], checkpoint: Any) -> Agent:
    """The agent under the shelf's rules: more than ten need a look, glass is forbidden."""
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    return agent


@pytest.fixture
def reasons(db: None) -> None:
    """One reason of the organisation's list for each answer."""
    for choice, slug, words, instruction in (
        ("approve", "matches", "Matches the records", ""),
        ("reject", "wrong-amount", "Wrong amount", "Check the amount against the order first."),
        ("return", "missing", "Something is missing", "Get it, then ask again."),
    ):
        save_reason(actor=None, choice=choice, slug=slug, words=words, instruction=instruction)


@pytest.fixture
def second_thoughts(settings: Any) -> None:
    """Approvals can be taken back for ten seconds, as in production."""
    settings.COUNCIL = {**settings.COUNCIL, "DISPATCH_SECONDS": 10}


def answer(person: User, request: ApprovalRequest, choice: str = "approve", **more: Any) -> Any:
    fields = {"reason": "Looked at it.", "digest": request.action_digest, **more}
    return vote(actor=again(person), request_id=request.pk, choice=choice, **fields)


def again(person: User) -> User:
    """The person as the next web request would find them."""
    return User.objects.get(pk=person.pk)


def open_request() -> ApprovalRequest:
    return ApprovalRequest.objects.get(status="pending")


def time_passes(request: ApprovalRequest, *fields: str) -> ApprovalRequest:
    """The moments of these fields are over."""
    over = now() - dt.timedelta(seconds=1)
    ApprovalRequest.objects.filter(pk=request.pk).update(**dict.fromkeys(fields, over))
    request.refresh_from_db()
    return request
