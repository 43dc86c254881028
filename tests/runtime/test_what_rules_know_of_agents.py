"""Rules about the agent itself: whose it is, and how much it has done lately."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.models import Department
from apps.common.clock import now, one_moment
from apps.policies import snapshot
from apps.policies.builder import TEMPLATES, Condition, attributes_of, compiled
from apps.policies.models import JudgedRequest
from apps.registry.models import Agent
from apps.registry.services import change_agent
from apps.runtime.gate.reading import pace_of
from tests.policies.test_four_outcomes import FORBID_GLASS
from tests.runtime.test_the_gate import put
from tests.support import SPEC, Shelf

pytestmark = pytest.mark.django_db
KNOWN = {each.path: each for each in attributes_of([SPEC])}


def per_hour(most: int) -> str:
    sentence = TEMPLATES["rate"][1]
    condition = Condition("agent.actions_last_hour", ">=", most)
    return compiled(replace(sentence, conditions=(condition,), checkpoint="shelf"), KNOWN)


def recorded() -> dict[str, Any]:
    row = JudgedRequest.objects.order_by("-at", "-pk")[0]
    found: dict[str, Any] = row.request["context"]["agent"]
    return found


def test_a_limit_per_agent_asks_from_the_next_action_on(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], checkpoint: Any
) -> None:
    policy(per_hour(2), slug="pace")
    assert [put(agent).verdict for _ in range(3)] == ["allow", "allow", "review"]
    assert recorded()["actions_last_hour"] == 2
    assert recorded()["actions_last_day"] == 2
    assert pace_of(agent.pk) == (3, 3)
    assert pace_of(agent.pk + 1) == (0, 0)


def test_the_rule_holds_at_once_in_a_process_that_did_not_count(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], checkpoint: Any
) -> None:
    policy(FORBID_GLASS, slug="quiet")
    put(agent)
    assert "actions_last_hour" not in recorded()
    policy(per_hour(1), slug="pace")
    assert put(agent).verdict == "review"


def test_nothing_is_counted_and_nothing_more_asked_while_no_rule_reads_it(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], checkpoint: Any
) -> None:
    policy(FORBID_GLASS, slug="quiet")
    costs = []
    for paced in (False, True):
        if paced:
            policy(per_hour(100), slug="pace")
        put(agent)
        with CaptureQueriesContext(connection) as asked:
            put(agent)
        costs.append(len(asked))
        assert snapshot.paced_lately() == paced
    assert costs[0] == costs[1]


def test_personal_data_stays_with_the_agents_of_its_department(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], checkpoint: Any
) -> None:
    sentence = replace(
        TEMPLATES["data-class"][1],
        conditions=(
            Condition("resource.data_class", "==", SPEC.data_class),
            Condition("agent.department", "!=", agent.sponsor.slug),
        ),
    )
    policy(compiled(sentence, KNOWN), slug="stays")
    assert put(agent).verdict == "allow"
    assert recorded()["department"] == agent.sponsor.slug
    elsewhere = Department.objects.create(slug="elsewhere", name="Elsewhere")
    change_agent(actor=None, agent=agent, reason="Moved.", sponsor=elsewhere)
    assert put(agent).verdict == "deny"


def test_a_rule_may_read_which_data_an_agent_is_registered_for(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], checkpoint: Any
) -> None:
    policy(
        '@id("registered") @reason("Not registered for such data.")\n'
        "forbid (principal, action, resource) when { context.agent has data_classes && "
        "!context.agent.data_classes.contains(resource.data_class) };",
        slug="registered",
    )
    assert put(agent).verdict == "deny"
    change_agent(actor=None, agent=agent, reason="Moved.", data_classes=[SPEC.data_class])
    assert put(agent).verdict == "allow"


def test_a_page_that_only_reads_asks_for_the_moment_once() -> None:
    with CaptureQueriesContext(connection) as asked, one_moment():
        assert now() == now()
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked:
        now()
        now()
    assert len(asked) == 2
