"""How far the readiness of a process lets agents go: it only ever tightens what policies say."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import Department
from apps.approvals import ceilings
from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest, Checkpoint, Scope
from apps.common.acting import acting
from apps.common.clock import now
from apps.orchestration import definitions
from apps.orchestration.definitions import Finish, StepSpec
from apps.orchestration.models import Run
from apps.orchestration.services import install_workflow, start_run
from apps.orchestration.services.sweeping import drain
from apps.policies import services as policies
from apps.policies.analysis.grid import optional_paths
from apps.policies.builder import Condition, Sentence, attributes_of, compiled, read_back
from apps.policies.models import JudgedRequest
from apps.policies.rules import JudgementRequest
from apps.readiness import directory
from apps.readiness.models import Assessment, Process
from apps.readiness.services import levels
from apps.registry.models import Agent
from apps.registry.services import bump, register_tool
from apps.runtime import gate, sampling, toolbox
from apps.runtime.models import Action
from apps.runtime.rules import CallContext, Outcome, placed
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS
from tests.support import SPEC, Shelf

pytestmark = pytest.mark.django_db
NUMBERS = itertools.count(1)
SAMPLED = """
@id("seen") @checkpoint("shelf") @sampled("true") @reason("People see a share of these.")
forbid (principal, action == Action::"shelf.put", resource)
unless { context.approvals.contains("shelf") };
"""
WORDS = {0: "Not assessed", 1: "Not yet", 2: "Partly", 3: "Mostly", 4: "Ready"}


@pytest.fixture
def ready(agent: Agent, policy: Callable[..., Any], checkpoint: Any) -> Agent:
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    return agent


@pytest.fixture
def process(department: Department) -> Callable[..., Process]:
    def at(level: int, slug: str = "stocking") -> Process:
        found = Process.objects.filter(slug=slug).first() or Process(
            slug=slug, name=slug.capitalize(), department=department, created_at=now()
        )
        found.level = level
        found.save()
        directory.bump()
        return found

    return at


def named(agent: Agent, slug: str = "stocking") -> None:
    """The agent's permissions name the process."""
    for row in agent.grants.all():
        row.process = slug
        row.save()
    bump()


def put(agent: Agent, thing: str = "book", amount: Any = 1, tool: str = "shelf.put") -> Outcome:
    with acting(kind="agent", id=str(agent.pk), label=agent.label):
        return gate.attempt(
            agent_id=agent.pk,
            tool=tool,
            arguments={"thing": thing, "amount": amount},
            call=CallContext(idem_key=f"key-{next(NUMBERS)}"),
        )


def share(agent: Agent, number: int = 60) -> list[Outcome]:
    return [put(agent, f"book {each}") for each in range(number)]


def effect_of_shelf(effect: str, shelf: Shelf) -> None:
    shelf.tools = (replace(SPEC, effect=effect),)
    toolbox.register(shelf)
    register_tool(actor=None, spec=shelf.tools[0])


def approve(outcome: Outcome, person: Any) -> None:
    request = ApprovalRequest.objects.get(pk=outcome.approval_id)
    approvals.vote(
        actor=person,
        request_id=request.pk,
        choice="approve",
        reason="Looked at it.",
        digest=request.action_digest,
    )


def action_of(outcome: Outcome) -> Action:
    return Action.objects.get(pk=outcome.action_id)


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


def test_the_lower_level_counts_where_workflow_and_permission_name_different_processes(
    ready: Agent, shelf: Shelf, process: Callable[..., Process]
) -> None:
    process(4)
    process(1, "buying")
    named(ready)
    assert run_of(ready, "buying", shelf) == "denied"
    assert run_of(ready, "stocking", shelf) == "succeeded"
    named(ready, "buying")
    assert run_of(ready, "stocking", shelf) == "denied"
    named(ready, "")
    assert run_of(ready, "", shelf) == "succeeded"


class Putting:
    slug, title, version = "putting", "Putting", 1

    def next(self, state: Any) -> Any:
        if "put" in state.steps and state.ended("put"):
            return Finish(state.steps["put"].status, "It ended.")
        arguments = {"thing": state.trigger["thing"], "amount": 1}
        return [StepSpec("put", "clerk", "shelf.put", arguments)]


def run_of(agent: Agent, process: str, shelf: Shelf) -> str:
    definitions.register(Putting())
    workflow = install_workflow(definition=Putting())
    workflow.process = process
    workflow.save()
    # Whoever starts a run cannot name its process.
    trigger = {"thing": f"thing {next(NUMBERS)}", "process": "stocking"}
    start_run(workflow="putting", trigger=trigger, subject="Put")
    drain()
    run = Run.objects.order_by("-number")[0]
    assert action_of_run(run).trigger.get("process", "") == process
    return str(run.outcome)


def action_of_run(run: Run) -> Action:
    return Action.objects.filter(run_id=run.pk).order_by("-at")[0]


def test_a_level_that_falls_while_a_question_waits_stops_the_approved_action(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], council: Any, chair: Any
) -> None:
    process(2)
    named(ready)
    outcome = put(ready)
    approve(outcome, chair)
    process(1)
    assert gate.resume(action_id=outcome.action_id).status == "denied"
    action = action_of(outcome)
    assert (action.status, action.code) == ("refused_stale", "readiness")
    assert shelf.calls == 0


def test_an_approval_is_not_used_at_another_level_without_being_judged_anew(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], council: Any, chair: Any
) -> None:
    process(2)
    named(ready)
    thing = next(
        name for name in (f"book {n}" for n in itertools.count()) if drawn_at_mostly(ready, name)
    )
    outcome = put(ready, thing)
    approve(outcome, chair)
    process(3)
    again = gate.resume(action_id=outcome.action_id)
    assert (again.status, again.code) == ("waiting", "stale")
    assert shelf.calls == 0


def drawn_at_mostly(agent: Agent, thing: str) -> bool:
    from apps.common.canonical import digest
    from apps.runtime.rules import intent

    wish = intent(agent.slug, "", "shelf.put", {"thing": thing, "amount": 1})
    return sampling.selected("readiness", digest(wish), 20)


def test_a_workflow_whose_process_is_named_while_a_question_waits_is_bound_by_it(
    ready: Agent, shelf: Shelf, process: Callable[..., Process], approver: Any
) -> None:
    process(1)
    definitions.register(Putting())
    workflow = install_workflow(definition=Putting())
    start_run(workflow="putting", trigger={"thing": "anvil"}, subject="Put")
    Putting.next = heavy  # type: ignore[method-assign]
    drain()
    request = ApprovalRequest.objects.get()
    workflow.process = "stocking"
    workflow.save()
    action = Action.objects.get()

    class Held:
        fences: dict[str, int] = {}
        process = "stocking"

        def check(self) -> None: ...

        def settle(self, outcome: Outcome) -> None: ...

    approvals.vote(
        actor=approver, request_id=request.pk, choice="approve", reason="Looked at it.",
        digest=request.action_digest,
    )  # fmt: skip
    assert gate.resume(action_id=action.pk, work=Held()).status == "denied"
    assert shelf.calls == 0


def heavy(self: Any, state: Any) -> Any:
    if "put" in state.steps and state.ended("put"):
        return Finish(state.steps["put"].status, "It ended.")
    return [StepSpec("put", "clerk", "shelf.put", {"thing": "anvil", "amount": 11})]


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
