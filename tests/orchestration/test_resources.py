"""Two agents, one resource: all or none, in precedence order, and no contradiction unseen."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, connections
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import Department, User
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.orchestration import definitions
from apps.orchestration.definitions import Finish, RunState, StepSpec
from apps.orchestration.models import FieldWrite, Lease, Resource, Run, Step
from apps.orchestration.rules import KINDS, Claimant, compared, next_ones, outranks, place
from apps.orchestration.services import (
    advance,
    cancel_run,
    claim_step,
    continue_run,
    drain,
    install_workflow,
    pause_run,
    perform_step,
    roll_back,
    set_precedence,
    start_run,
    sweep,
)
from apps.registry.models import Agent, Tool
from apps.registry.rules import ToolSpec, held_keys
from apps.registry.services import activate_agent, grant, register_agent, register_tool
from apps.runtime import toolbox
from apps.runtime.toolbox import Call, Effected, Preview
from tests.orchestration.conftest import due, fresh
from tests.support import SPEC, Shelf

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PAIR = replace(
    SPEC,
    name="shelf.swap",
    resource_keys=("thing:{thing}", "thing:{note}"),
    compensation="",
)
SET = replace(SPEC, name="shelf.set", compensation="shelf.set", facts_schema={})
LOOK = replace(SPEC, name="shelf.look", effect="read", compensation="")


class Setting(Shelf):
    """Sets an amount instead of adding one."""

    def preview(self, tool: str, arguments: Any) -> Preview:
        before = self.stock.get(arguments["thing"], 0)
        return Preview("Set", {"stock": before}, {"stock": arguments["amount"]}, reversible=True)

    def perform(self, call: Call) -> Effected:
        self.calls += 1
        self.fences = dict(call.fences)
        thing = call.arguments["thing"]
        before = self.stock.get(thing, 0)
        self.stock[thing] = call.arguments["amount"]
        return Effected(
            {"total": self.stock[thing]}, {"stock": before}, {"stock": self.stock[thing]}
        )


class Slow(Shelf):
    """Remembers who was inside at the same time."""

    def __init__(self, spec: ToolSpec) -> None:
        super().__init__(spec)
        self.inside: list[set[str]] = []
        self.now: set[str] = set()
        self.mutex = threading.Lock()

    def facts(self, tool: str, arguments: Any) -> dict[str, Any]:
        return {}

    def perform(self, call: Call) -> Effected:
        things = {call.arguments["thing"], call.arguments["note"]}
        with self.mutex:
            self.inside.append(things & self.now)
            self.now |= things
        time.sleep(0.02)
        with self.mutex:
            self.now -= things
        return Effected({"total": 1}, {}, {})


def offered(agent: Agent, system: Shelf) -> Tool:
    toolbox.register(system)
    made = register_tool(actor=None, spec=system.tools[0])
    grant(
        actor=None, agent=agent, tool=made, expires_at=now() + dt.timedelta(days=1), reason="Cast"
    )
    return made


@pytest.fixture
def porter(ready: Agent, owner: User, administrator: User, department: Department) -> Agent:
    """A second agent that works on the same shelf."""
    made = register_agent(
        actor=None,
        slug="porter",
        name="Porter",
        purpose="Carries things.",
        owner=owner,
        created_by=administrator,
        sponsor=department,
    )
    grant(
        actor=None,
        agent=made,
        tool=Tool.objects.get(name="shelf.put"),
        expires_at=now() + dt.timedelta(days=30),
        reason="Cast",
    )
    return activate_agent(actor=None, agent=made, reason="Cast")


class One:
    """One call, as the trigger says."""

    slug, title, version = "one", "One call", 1

    def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
        if state.ended("only"):
            step = state.steps["only"]
            return Finish(step.status, step.error, failed=step.status == "failed")
        given = state.trigger
        return [StepSpec("only", given["agent"], given["tool"], given["arguments"], "Only")]


@pytest.fixture
def one(porter: Agent) -> Callable[..., Step]:
    definitions.register(One())
    install_workflow(definition=One())

    def go(agent: str = "clerk", tool: str = "shelf.put", **arguments: Any) -> Step:
        trigger = {
            "agent": agent,
            "tool": tool,
            "arguments": {"thing": "book", "amount": 1, **arguments},
        }
        run = start_run(workflow="one", trigger=trigger, subject="One")
        advance(run.pk)
        return run.steps.get()

    return go


def claimed(step: Step) -> Step:
    found = claim_step(step.pk, "w")
    assert found is not None
    return found


def test_a_tool_says_what_it_holds_alone_and_what_it_shares() -> None:
    spec = replace(SPEC, resource_keys=("thing:{thing}", "shelf:{note}?shared", "x:{missing}"))
    assert held_keys(spec, {"thing": "a", "note": "n"}) == {"shelf:n": False, "thing:a": True}
    assert held_keys(replace(spec, effect="read"), {"thing": "a"}) == {"thing:a": False}


def test_who_comes_second_waits_in_line_and_is_woken_when_the_first_is_done(
    one: Any, shelf: Shelf, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = one(), one("porter")
    working = claimed(first)
    assert dict(working.fences) == {"thing:book": 1}
    assert claim_step(second.pk, "w") is None
    advance(second.run_id)
    assert (fresh(second).status, second.attempt) == ("awaiting_resource", 0)
    assert (fresh(second.run).status, second.run.state) == ("waiting", "waiting_resource")
    with django_capture_on_commit_callbacks(execute=True):
        perform_step(working)
    assert fresh(second).status == "ready"
    perform_step(claimed(second))
    assert shelf.stock == {"book": 2}
    assert not Lease.objects.exists()
    assert Resource.objects.get().fence >= 3


def test_a_fence_goes_with_the_call_and_only_rises(one: Any, ready: Agent) -> None:
    system = Setting(SET)
    offered(ready, system)
    seen = []
    for amount in (1, 2, 3):
        perform_step(claimed(one(tool="shelf.set", amount=amount)))
        seen.append(system.fences["thing:book"])
    assert seen == sorted(set(seen))


def test_readers_share_and_a_writer_waits_for_all_of_them(
    one: Any, ready: Agent, porter: Agent
) -> None:
    system = Shelf(LOOK)
    tool = offered(ready, system)
    grant(actor=None, agent=porter, tool=tool, expires_at=now() + dt.timedelta(days=1), reason="x")
    readers = [claimed(one(tool="shelf.look")), claimed(one("porter", tool="shelf.look"))]
    writer = one()
    assert claim_step(writer.pk, "w") is None
    late_reader = one(tool="shelf.look")
    assert claim_step(late_reader.pk, "w") is None, "nobody goes past the writer in the line"
    for reader in readers:
        perform_step(reader)
    sweep()
    assert fresh(writer).status == "ready"
    assert fresh(late_reader).status == "awaiting_resource"


def test_a_worker_that_died_gives_back_what_it_held(one: Any, shelf: Shelf) -> None:
    first, second = one(), one("porter")
    claimed(first)
    assert claim_step(second.pk, "w") is None
    due()
    sweep()
    drain()
    assert {fresh(first).status, fresh(second).status} == {"succeeded"}
    assert shelf.stock == {"book": 2}


def test_with_the_wake_up_lost_the_sweep_finds_the_waiter(one: Any, shelf: Shelf) -> None:
    first, second = one(), one("porter")
    working = claimed(first)
    assert claim_step(second.pk, "w") is None
    perform_step(working)
    assert fresh(second).status == "awaiting_resource"
    sweep()
    drain()
    assert fresh(second).status == "succeeded"


def test_who_waits_in_a_paused_or_cancelled_run_stands_in_nobodys_way(
    one: Any, operator: User
) -> None:
    first = claimed(one())
    paused, ended, third = one("porter"), one("porter"), one("porter", amount=2)
    for step in (paused, ended):
        assert claim_step(step.pk, "w") is None
    pause_run(actor=operator, run=fresh(paused.run), reason="Wait")
    cancel_run(actor=operator, run=fresh(ended.run), reason="No")
    perform_step(first)
    assert claim_step(third.pk, "w") is not None
    due()
    sweep()
    assert Lease.objects.filter(step=ended).count() == 0


def test_the_line_goes_by_precedence(
    one: Any, administrator: User, porter: Agent, django_capture_on_commit_callbacks: Any
) -> None:
    set_precedence(actor=administrator, agent=porter, rank=10, kind="business", reason="Quarter")
    working = claimed(one())
    low, high = one("clerk", amount=2), one("porter")
    assert claim_step(low.pk, "w") is None
    assert claim_step(high.pk, "w") is None
    with django_capture_on_commit_callbacks(execute=True):
        perform_step(working)
    assert (fresh(low).status, fresh(high).status) == ("awaiting_resource", "ready")


def test_precedence_is_set_by_those_who_may_with_a_reason_on_record(
    porter: Agent, administrator: User, chair: User, operator: User
) -> None:
    with pytest.raises(NotPermitted):
        set_precedence(actor=operator, agent=porter, rank=1, kind="safety", reason="x")
    with pytest.raises(Invalid):
        set_precedence(actor=chair, agent=porter, rank=101, kind="safety", reason="x")
    set_precedence(actor=chair, agent=porter, rank=1, kind="safety", reason="Fire drill")
    set_precedence(actor=administrator, agent=porter, rank=2, kind="safety", reason="Again")
    event = LedgerEvent.objects.filter(type="precedence.set").latest("at")
    assert (event.before, event.after["rank"]) == ({"rank": 1, "kind": "safety"}, 2)


def test_another_value_by_a_lower_agent_is_skipped_as_superseded(
    one: Any, ready: Agent, porter: Agent, administrator: User
) -> None:
    system = Setting(SET)
    tool = offered(ready, system)
    grant(actor=None, agent=porter, tool=tool, expires_at=now() + dt.timedelta(days=1), reason="x")
    set_precedence(actor=administrator, agent=ready, rank=5, kind="business", reason="x")
    perform_step(claimed(one("clerk", "shelf.set", amount=7)))
    loser = one("porter", "shelf.set", amount=8)
    drain()
    assert (fresh(loser).status, loser.code) == ("skipped", "superseded")
    assert "Clerk has just set stock otherwise" in loser.error
    assert system.stock == {"book": 7}
    winner = one("clerk", "shelf.set", amount=9)
    drain()
    assert fresh(winner).status == "succeeded", "the higher one stands"
    assert system.stock == {"book": 9}


def test_between_equals_a_person_says_who_is_right(
    one: Any, ready: Agent, porter: Agent, operator: User
) -> None:
    system = Setting(SET)
    tool = offered(ready, system)
    grant(actor=None, agent=porter, tool=tool, expires_at=now() + dt.timedelta(days=1), reason="x")
    perform_step(claimed(one("clerk", "shelf.set", amount=7)))
    step = one("porter", "shelf.set", amount=8)
    drain()
    assert (fresh(step).status, fresh(step.run).status) == ("ready", "paused")
    assert step.run.wait_reason == "contradiction"
    assert system.stock == {"book": 7}
    assert not Lease.objects.exists()
    continue_run(actor=operator, run=step.run, reason="The porter counted.")
    drain()
    assert fresh(step).status == "succeeded"
    assert system.stock == {"book": 8}


def test_the_same_value_is_a_success_without_writing(one: Any, ready: Agent, porter: Agent) -> None:
    system = Setting(SET)
    tool = offered(ready, system)
    grant(actor=None, agent=porter, tool=tool, expires_at=now() + dt.timedelta(days=1), reason="x")
    perform_step(claimed(one("clerk", "shelf.set", amount=7)))
    twin = one("porter", "shelf.set", amount=7)
    drain()
    assert (fresh(twin).status, twin.code, twin.result) == ("succeeded", "already_so", {"total": 7})
    assert system.calls == 1


def test_after_the_window_and_after_an_undo_nothing_is_held_against_anybody(
    one: Any, ready: Agent, porter: Agent, operator: User, settings: Any
) -> None:
    system = Setting(SET)
    tool = offered(ready, system)
    grant(actor=None, agent=porter, tool=tool, expires_at=now() + dt.timedelta(days=1), reason="x")
    first = one("clerk", "shelf.set", amount=7)
    perform_step(claimed(first))
    drain()
    roll_back(actor=operator, run=fresh(first.run), reason="Wrong")
    drain()
    assert not FieldWrite.objects.exists()
    perform_step(claimed(one("clerk", "shelf.set", amount=7)))
    FieldWrite.objects.update(at=now() - dt.timedelta(minutes=11))
    step = one("porter", "shelf.set", amount=8)
    drain()
    assert fresh(step).status == "succeeded"


def test_a_tool_without_resource_keys_pays_nothing(
    one: Any, ready: Agent, django_assert_num_queries: Any
) -> None:
    offered(ready, Shelf(replace(SPEC, name="shelf.plain", resource_keys=())))
    step = one(tool="shelf.plain")
    with django_assert_num_queries(3):  # the step, the clock, the claim
        working = claim_step(step.pk, "w")
    assert working is not None
    perform_step(working)
    assert not Resource.objects.exists()


CLAIMANTS = st.lists(
    st.builds(
        Claimant,
        step=st.uuids().map(str),
        keys=st.dictionaries(st.sampled_from("abc"), st.booleans(), min_size=1),
        rank=st.integers(-3, 3),
        kind=st.sampled_from(KINDS),
        asked_at=st.integers(0, 3600).map(lambda late: START + dt.timedelta(seconds=late)),
    ),
    max_size=6,
    unique_by=lambda one: one.step,
)
HELD = st.dictionaries(st.sampled_from("abc"), st.booleans())


@given(CLAIMANTS, HELD)
def test_those_who_go_never_overlap_and_nobody_jumps_the_line(
    waiting: list[Claimant], held: dict[str, bool]
) -> None:
    moment = START + dt.timedelta(hours=2)
    going = next_ones(waiting, held, moment)
    chosen = [one for one in waiting if one.step in going]
    for number, one in enumerate(chosen):
        for key, alone in one.keys.items():
            assert key not in held or not (alone or held[key])
            assert not any(
                key in other.keys and (alone or other.keys[key]) for other in chosen[number + 1 :]
            )
    for one in chosen:
        ahead = [each for each in waiting if place(each, moment) < place(one, moment)]
        assert not any(
            key in each.keys and (alone or each.keys[key])
            for key, alone in one.keys.items()
            for each in ahead
        )


@given(CLAIMANTS.filter(bool))
def test_where_nothing_is_held_somebody_goes(waiting: list[Claimant]) -> None:
    assert next_ones(waiting, {}, START + dt.timedelta(hours=2))


@given(CLAIMANTS.filter(bool))
def test_whoever_waits_long_enough_is_first(waiting: list[Claimant]) -> None:
    """A newcomer of the highest rank does not keep anybody out for ever."""
    later = START + dt.timedelta(hours=3)
    newcomer = replace(waiting[0], step="new", rank=3, kind="safety", asked_at=later)
    assert all(place(one, later) < place(newcomer, later) for one in waiting if one.rank >= -3) or (
        max(later - one.asked_at for one in waiting) < dt.timedelta(minutes=130)
    )


@given(
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)),
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)),
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)),
)
def test_a_contradiction_is_another_value_for_a_field_that_was_just_written(
    before: dict[str, int], after: dict[str, int], written: dict[str, int]
) -> None:
    how = compared(before, after, written)
    common = set(after) & set(written)
    assert (how == "other") == any(after[name] != written[name] for name in common)
    if how == "same":
        assert common
        assert all(before.get(name) == value for name, value in after.items())


def test_between_two_of_equal_rank_and_kind_neither_goes_first() -> None:
    assert outranks((1, "business"), (1, "business")) is None
    assert outranks((1, "safety"), (1, "business")) is True
    assert outranks((0, "safety"), (1, "business")) is False


def race(steps: Sequence[Step], workers: int, patience: float = 60.0) -> None:
    """Workers in threads that claim whatever is ready, until all is done."""
    ids = [step.pk for step in steps]
    troubles: list[BaseException] = []
    end = time.monotonic() + patience

    def work() -> None:
        try:
            while time.monotonic() < end:
                left = Step.objects.filter(pk__in=ids).exclude(status="succeeded")
                if not left.exists():
                    return
                for pk in left.filter(status="ready").values_list("pk", flat=True):
                    if (step := claim_step(pk, threading.current_thread().name)) is not None:
                        perform_step(step)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            troubles.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_workers_racing_for_two_resources_neither_overlap_nor_stand_still(
    ready: Agent, porter: Agent, one: Any
) -> None:
    system = Slow(PAIR)
    tool = offered(ready, system)
    grant(actor=None, agent=porter, tool=tool, expires_at=now() + dt.timedelta(days=1), reason="x")
    pairs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")] * 3
    steps = [
        one(agent, "shelf.swap", thing=thing, note=note)
        for (thing, note), agent in zip(pairs, ["clerk", "porter"] * 6, strict=True)
    ]
    race(steps, 4 if connection.vendor == "postgresql" else 2)
    assert {fresh(step).status for step in steps} == {"succeeded"}
    assert system.inside == [set()] * len(steps), "two were inside at once"
    assert not Lease.objects.exists()
    assert not Run.objects.filter(status="failed").exists()
