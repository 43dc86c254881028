"""How far the readiness of a process lets agents go: it only ever tightens what policies say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.approvals import ceilings
from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest, Checkpoint, Scope
from apps.common.clock import now
from apps.readiness.models import Assessment, Process
from apps.readiness.services import levels
from apps.registry.models import Agent
from apps.registry.services import bump
from apps.runtime import gate, sampling
from apps.runtime.rules import placed
from tests.runtime.bounds import (
    SAMPLED,
    WORDS,
    action_of,
    approve,
    effect_of_shelf,
    named,
    put,
    share,
)
from tests.support import Shelf

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_reading_is_never_bound(
    level: int, ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    effect_of_shelf("read", shelf)
    process(level)
    named(ready)
    assert put(ready).status == "done"


@pytest.mark.parametrize("effect", ["write", "irreversible"])
@pytest.mark.parametrize("level", [0, 1])
def test_agents_only_observe_where_a_process_is_not_ready(
    level: int, effect: str, ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    effect_of_shelf(effect, shelf)
    process(level)
    named(ready)
    outcome = put(ready)
    action = action_of(outcome)
    assert (outcome.verdict, action.status, action.code) == ("deny", "denied", "readiness")
    assert shelf.calls == 0
    said = action.reasons[0]["sentence"]
    assert "Stocking" in said
    assert f"level {level}, {WORDS[level]}" in said
    assert "readiness map, stocking" in said


def test_a_process_that_the_inventory_does_not_know_counts_as_never_assessed(
    ready: Agent, shelf: Shelf
) -> None:
    named(ready, "nowhere")
    assert action_of(put(ready)).code == "readiness"
    assert shelf.calls == 0


@pytest.mark.parametrize("effect", ["write", "irreversible"])
def test_every_change_is_asked_where_a_process_is_partly_ready(
    effect: str, ready: Agent, shelf: Shelf, process: Callable[..., Process], approver: Any,
    council: Any, chair: Any,
) -> None:  # fmt: skip
    effect_of_shelf(effect, shelf)
    process(2)
    named(ready)
    outcome = put(ready)
    assert outcome.status == "waiting"
    request = ApprovalRequest.objects.get()
    assert "is partly ready (level 2)" in request.summary
    assert request.evidence["process"] == {"slug": "stocking", "name": "Stocking", "level": 2}
    assert request.checkpoints.get().checkpoint_id == Checkpoint.objects.get(slug="readiness").pk
    reason = action_of(outcome).reasons[0]
    assert (reason["rule_id"], reason["kind"], reason["version"]) == ("readiness", "ceiling", 2)
    approve(outcome, chair)
    assert gate.resume(action_id=outcome.action_id).status == "done"
    assert shelf.stock == {"book": 1}


def test_whom_an_organisation_set_up_is_asked_instead_of_the_council(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], queue: Any
) -> None:
    approvals.create_checkpoint(actor=None, slug="readiness", title="Not ready", queue=queue)
    process(2)
    named(ready)
    assert put(ready).status == "waiting"
    assert ApprovalRequest.objects.get().queue == queue


def test_what_the_policies_refuse_or_ask_stays_so_at_every_level(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    named(ready)
    for level in (2, 3, 4):
        process(level)
        denied = put(ready, "glass")
        assert (denied.verdict, action_of(denied).code) == ("deny", "")
        asked = put(ready, "anvil", 11)
        assert asked.status == "waiting"
        names = [
            row.checkpoint.slug
            for row in ApprovalRequest.objects.get(pk=asked.approval_id).checkpoints.all()
        ]
        assert names == ["shelf"]


def test_one_in_five_is_seen_where_a_process_is_mostly_ready(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    process(3)
    named(ready)
    for outcome in share(ready):
        action = action_of(outcome)
        seen = sampling.selected("readiness", action.intent_digest, 20)
        assert outcome.status == ("waiting" if seen else "done")
        told = [each["sentence"] for each in action.reasons if each["rule_id"] == "readiness"]
        assert ("not drawn" in told[0]) is not seen
    assert 1 <= ApprovalRequest.objects.count() < 30


def earned(agent: Agent, level: int) -> None:
    Scope(
        agent=agent, agent_version=agent.version, tool="shelf.put", risk="medium", level=level,
        changed_at=now(),
    ).save()  # fmt: skip
    bump()


@pytest.mark.parametrize(("level", "share_seen"), [(2, 100), (3, 20), (4, 5)])
def test_the_earned_share_never_falls_below_what_the_process_asks_for(
    level: int, share_seen: int, agent: Agent, shelf: Shelf, policy: Callable[..., Any],
    checkpoint: Checkpoint, process: Callable[..., Process], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("apps.approvals.queries.novelties", lambda scope, traits: [])
    checkpoint.hard, checkpoint.rate = False, 1
    checkpoint.save()
    policy(SAMPLED)
    earned(agent, 4)
    process(level)
    named(agent)
    for outcome in share(agent):
        action = action_of(outcome)
        seen = sampling.selected("shelf", action.intent_digest, share_seen)
        assert outcome.status == ("waiting" if seen else "done")
        bound = seen and not sampling.selected("shelf", action.intent_digest, 5)
        assert any(each["rule_id"] == "readiness" for each in action.reasons) is bound
        if seen:
            rule = ApprovalRequest.objects.get(pk=outcome.approval_id).rule
            assert rule["sampling"]["percent"] == share_seen
            assert rule["sampling"]["random"]


def test_consent_given_beforehand_does_not_outweigh_the_process(
    agent: Agent, shelf: Shelf, policy: Callable[..., Any], checkpoint: Checkpoint, queue: Any,
    process: Callable[..., Process], approver: Any,
) -> None:  # fmt: skip
    checkpoint.hard = False
    checkpoint.save()
    queue.lead = approver
    queue.save()
    policy(SAMPLED)
    approvals.grant_standing(
        actor=approver, checkpoint=checkpoint, agent=agent, tool="shelf.put", rule_key="seen",
        limits=[], ends_at=now() + dt.timedelta(days=1), most=50, reason="Known.",
    )  # fmt: skip
    named(agent)
    process(4)
    assert put(agent).status == "done"
    process(2)
    outcome = put(agent, "pen")
    assert outcome.status == "waiting"
    assert "partly ready" in action_of(outcome).reasons[-1]["sentence"]


def test_the_level_costs_no_question_more(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    put(ready)
    with CaptureQueriesContext(connection) as without:
        put(ready)
    process(4)
    named(ready)
    put(ready)
    with CaptureQueriesContext(connection) as bound:
        put(ready)
    assert len(bound) == len(without)


def test_a_moved_level_holds_from_the_next_action_on(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    process(4)
    named(ready)
    assert put(ready).status == "done"
    process(1)
    assert put(ready).verdict == "deny"
    process(4)
    assert put(ready).status == "done"


def test_another_permission_without_a_process_is_left_alone(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    process(1)
    assert put(ready).status == "done"


@given(level=st.integers(-1, 9), effect=st.sampled_from(["read", "write", "irreversible", "odd"]))
def test_a_lower_level_never_shows_people_less(level: int, effect: str) -> None:
    order = {None: 101}
    lower = ceilings.floor(level, effect)
    higher = ceilings.floor(level + 1, effect) if level + 1 in range(5) else lower
    if level + 1 <= 4 and level >= 0:
        assert order.get(lower, lower) >= order.get(higher, higher)
    assert (ceilings.floor(level, effect) is None) == (effect != "read" and level not in (2, 3, 4))


@given(st.dictionaries(st.sampled_from(["process", "run", "x"]), st.text()), st.text())
def test_nobody_but_the_engine_names_a_process(trigger: dict[str, str], process: str) -> None:
    found = placed(trigger, process)
    assert found.get("process", "") == process
    assert {k: v for k, v in found.items() if k != "process"} == {
        k: v for k, v in trigger.items() if k != "process"
    }


def test_a_level_that_the_council_accepts_lets_agents_do_more_and_a_worse_one_less(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], member: Any, operator: Any
) -> None:
    found = process(1)
    named(ready)
    assert put(ready).verdict == "deny"
    good = measured(found, 4, operator, 1)
    levels.take_up(good)
    assert put(ready).verdict == "deny"
    levels.accept(actor=member, assessment=good, reason="It was measured.")
    assert put(ready).status == "done"
    levels.take_up(measured(found, 2, operator, 2))
    assert put(ready, "pen").status == "waiting"


def measured(process: Process, level: int, person: Any, number: int) -> Assessment:
    row = Assessment(
        process=process, number=number, status="ready", digest="x", asked_by_id=person.pk,
        asked_by_label="Operator", created_at=now(), level=level,
    )  # fmt: skip
    row.save()
    return row
