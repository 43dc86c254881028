"""Rules and pages know the process of an action, and how ready it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.approvals.models import ApprovalRequest
from apps.policies import services as policies
from apps.policies.analysis.grid import optional_paths
from apps.policies.builder import Condition, Sentence, attributes_of, compiled, read_back
from apps.policies.models import JudgedRequest
from apps.policies.rules import JudgementRequest
from apps.readiness.models import Process
from apps.registry.models import Agent
from tests.runtime.bounds import (
    action_of,
    named,
    put,
)
from tests.support import SPEC, Shelf

pytestmark = pytest.mark.django_db


def written(*conditions: Condition) -> str:
    sentence = Sentence("ready", "Only where it is ready.", conditions=conditions)
    return compiled(sentence, {each.path: each for each in attributes_of([SPEC])})


def test_rules_see_the_process_and_its_level_and_the_record_keeps_them(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], process: Callable[..., Process]
) -> None:
    policy(written(Condition("process.level", "<", "4"), Condition("process.slug", "!=", "other")))
    process(4)
    named(agent)
    assert put(agent).status == "done"
    row = JudgedRequest.objects.order_by("-at", "-pk")[0]
    assert row.request["context"]["process"] == {"slug": "stocking", "level": 4}
    process(3)
    outcome = put(agent, "pen")
    assert (outcome.verdict, action_of(outcome).code) == ("deny", "")
    assert action_of(outcome).reasons[0]["sentence"] == "Only where it is ready."


def test_an_action_of_no_process_meets_no_rule_about_processes(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any]
) -> None:
    policy(written(Condition("process.level", "<", "4")))
    assert put(agent).status == "done"
    row = JudgedRequest.objects.order_by("-at", "-pk")[0]
    assert "process" not in row.request["context"]
    assert again(row, row.tool).effect == "allow"


def test_the_builder_reads_a_rule_about_the_process_back() -> None:
    known = {each.path: each for each in attributes_of([SPEC])}
    text = written(Condition("process.level", "<=", "2"))
    assert "context.process has level" in text
    found = read_back(text, known)
    assert found is not None
    assert found.conditions == (Condition("process.level", "<=", 2),)


def test_the_analysis_knows_that_a_process_may_be_absent() -> None:
    assert {"process.level", "process.slug"} <= optional_paths(SPEC)


def again(row: JudgedRequest, tool: str) -> Any:
    """The recorded request, judged anew by what is in force, as a backtest does."""
    stored = row.request
    request = JudgementRequest(stored["agent"], tuple(stored["roles"]), tool, stored["context"])
    return policies.judge(request)


def test_the_pages_of_an_action_say_what_bound_it(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], council: Any, chair: Any,
    signed_in: Callable[[Any], Client],
) -> None:  # fmt: skip
    process(2)
    named(ready)
    asked = put(ready)
    process(1)
    denied = put(ready, "pen")
    page = signed_in(chair)
    number = ApprovalRequest.objects.get().number
    item = page.get(f"/inbox/C-{number}").content.decode()
    assert "is partly ready (level 2), so people see every change" in item
    assert 'Its process, as it stands now: <a href="/readiness/stocking">Stocking</a>' in item
    assert "Not yet" in item
    why = page.get(f"/audit/why/{denied.action_id}").content.decode()
    assert "level 1, Not yet" in why
    assert "It was refused without asking anybody." in why
    assert "Readiness" in page.get(f"/audit/why/{asked.action_id}").content.decode()
