"""A council member writes a test of a policy in a form, also for rules that look at the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.policies import proof
from apps.policies.builder import Condition, Sentence, attributes_of, compiled
from apps.policies.models import PolicyVersion
from apps.policies.services import save_draft
from apps.registry.models import Agent
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN
from tests.support import SPEC

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(agent: Agent, checkpoint: Any, policy: Callable[..., Any]) -> PolicyVersion:
    """A draft that forbids what a process is not ready for."""
    base = policy(ASK_ABOVE_TEN, slug="shelf-rules")
    only = Sentence(
        "ready", "Only where it is ready.", conditions=(Condition("process.level", "<", "4"),)
    )
    known = {each.path: each for each in attributes_of([SPEC])}
    return save_draft(actor=None, policy=base.policy, text=compiled(only, known))


def store(client: Client, version: PolicyVersion, **fields: str) -> Any:
    return client.post(
        f"/policies/shelf-rules/versions/{version.number}/cases",
        {
            "name": "One book", "tool": "shelf.put", "agent": "stacker",
            "args": '{"thing": "book", "amount": 1}', "facts": "{}", "expected": "deny", **fields,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "kept", "got"),
    [
        ({}, None, "allow"),
        ({"level": "2"}, None, "allow"),
        ({"process": "stocking"}, {"slug": "stocking", "level": 0}, "deny"),
        ({"process": "stocking", "level": "3"}, {"slug": "stocking", "level": 3}, "deny"),
        ({"process": "stocking", "level": "4"}, {"slug": "stocking", "level": 4}, "allow"),
    ],
)
def test_a_test_may_name_a_process_and_how_ready_it_is(
    fields: dict[str, str],
    kept: dict[str, Any] | None,
    got: str,
    version: PolicyVersion,
    member: User,
    signed_in: Callable[[User], Client],
) -> None:
    assert store(signed_in(member), version, **fields).status_code == 302
    assert version.policy.cases.get().request["context"].get("process") == kept
    (result,) = proof.case_results(version)
    assert result["got"] == got


@pytest.mark.parametrize("fields", [{"process": "two words"}, {"level": "5"}, {"args": "{"}])
def test_what_cannot_be_a_test_is_told_and_nothing_is_lost(
    fields: dict[str, str],
    version: PolicyVersion,
    member: User,
    signed_in: Callable[[User], Client],
) -> None:
    answer = store(signed_in(member), version, **fields)
    assert answer.status_code == 422
    assert "One book" in answer.content.decode()
    assert not version.policy.cases.exists()


def test_whoever_writes_no_policies_stores_no_test(
    version: PolicyVersion, auditor: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    for person in (auditor, stranger):
        assert store(signed_in(person), version).status_code in (403, 404)
    assert not version.policy.cases.exists()
