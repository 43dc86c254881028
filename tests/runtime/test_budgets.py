"""What agents may use up: reserved before, settled after, and never over."""
# ruff: noqa: F811 - the workflow's fixtures are those of tests/orchestration

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.access.services import create_department
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import vote
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run
from apps.orchestration.services import continue_run, drain, sweep
from apps.registry.models import Agent
from apps.registry.services import grant, register_tool
from apps.runtime import budgets, gate, toolbox
from apps.runtime.models import Action, Budget, BudgetUse, Reservation
from apps.runtime.rules import CallContext, Outcome, bucket, spends, window_end
from apps.runtime.services import force_circuit, lift_budget, set_budget, set_rate
from tests.orchestration.conftest import begin, fresh, ready  # noqa: F401
from tests.support import SPEC, Rejected, Shelf, Unavailable


@pytest.fixture
def limit(administrator: User) -> Callable[..., Budget]:
    def put(amount: int, unit: str = "calls", **more: Any) -> Budget:
        values = {"scope": "agent", "subject": "clerk", "window": "day", **more}
        return set_budget(actor=administrator, unit=unit, amount=amount, reason="x", **values)

    return put


def call(agent: Agent, key: str, tool: str = "shelf.put", **arguments: Any) -> Outcome:
    return gate.attempt(
        agent_id=agent.pk,
        tool=tool,
        arguments={"thing": "book", "amount": 1, **arguments},
        call=CallContext(idem_key=key),
    )


def use() -> tuple[int, int]:
    row = BudgetUse.objects.get()
    return row.spent, row.reserved


def test_what_is_done_is_spent_and_the_next_one_is_refused_with_the_reason(
    ready: Agent, limit: Any, shelf: Shelf
) -> None:
    limit(2)
    assert [call(ready, f"k{n}").status for n in range(3)] == ["done", "done", "denied"]
    refused = Action.objects.latest("at")
    assert (refused.code, refused.verdict) == ("budget", "deny")
    assert refused.error == "The budget of clerk is used up: 2 tool calls per day."
    assert shelf.stock == {"book": 2}
    assert use() == (2, 0)


def test_a_call_that_comes_to_nothing_was_a_call_but_moved_no_money(
    ready: Agent, limit: Any
) -> None:
    system = Shelf(priced())
    offered(ready, system)
    limit(10)
    limit(1000, "money", currency="EUR")
    system.trouble = Rejected("No.")
    assert call(ready, "k1", "shelf.buy", amount=300, currency="EUR").status == "failed"
    spent = dict(BudgetUse.objects.values_list("budget__unit", "spent"))
    assert spent == {"calls": 1, "money": 0}
    assert not Reservation.objects.exists()


def priced() -> Any:
    schema = {
        **SPEC.input_schema,
        "properties": {
            **SPEC.input_schema["properties"],
            "amount": {"type": "integer", "unit": "minor", "spends": True},
            "currency": {"type": "string"},
        },
    }
    return replace(SPEC, name="shelf.buy", input_schema=schema)


def offered(agent: Agent, system: Shelf) -> None:
    toolbox.register(system)
    made = register_tool(actor=None, spec=system.tools[0])
    grant(actor=None, agent=agent, tool=made, expires_at=now() + dt.timedelta(days=1), reason="x")


def test_money_counts_in_its_currency_and_an_uncounted_one_is_refused(
    ready: Agent, limit: Any
) -> None:
    offered(ready, Shelf(priced()))
    limit(10, "money", currency="EUR", window="month")
    assert call(ready, "k1", "shelf.buy", amount=7, currency="EUR").status == "done"
    assert call(ready, "k2", "shelf.buy", amount=4, currency="EUR").code == "budget"
    assert call(ready, "k3", "shelf.buy", amount=3, currency="EUR").status == "done"
    refused = call(ready, "k4", "shelf.buy", amount=1, currency="GBP")
    assert refused.error == "clerk has no budget in GBP."
    assert call(ready, "k5", "shelf.buy", amount=1).code == "budget"
    assert use() == (10, 0)


def test_a_departments_budget_binds_all_its_agents_and_no_others(
    ready: Agent, limit: Any, department: Any
) -> None:
    limit(1, scope="department", subject=department.slug)
    create_department(slug="elsewhere", name="Elsewhere")
    limit(0, scope="department", subject="elsewhere")
    assert call(ready, "k1").status == "done"
    assert call(ready, "k2").code == "budget"
    assert BudgetUse.objects.get(spent=1).budget.subject == department.slug


def test_what_is_denied_or_waits_for_a_person_reserves_nothing(
    ready: Agent, limit: Any, approver: User
) -> None:
    limit(1)
    assert call(ready, "k1", thing="glass", amount=1).status in ("denied", "done")
    assert call(ready, "k2", amount=11).status == "waiting"
    assert not Reservation.objects.exists()


def test_a_run_is_paused_until_people_give_it_more(
    begin: Callable[..., Run], limit: Any, shelf: Shelf, operator: User
) -> None:
    limit(1, "steps", scope="run", subject="stocking", window="run")
    run = begin()
    drain()
    assert (fresh(run).status, run.wait_reason) == ("paused", "budget")
    assert run.sentence == "The budget of stocking is used up: 1 step per run."
    assert shelf.stock == {"book": 3}
    continue_run(actor=operator, run=run, reason="Try")
    drain()
    assert fresh(run).status == "paused", "nothing has changed, so it is stopped again"
    limit(2, "steps", scope="run", subject="stocking", window="run")
    continue_run(actor=operator, run=run, reason="It may take two.")
    drain()
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 3, "pen": 3}


def test_a_run_goes_on_by_itself_when_the_next_window_begins(
    begin: Callable[..., Run], limit: Any, shelf: Shelf, operator: User, signed_in: Any
) -> None:
    from tests.orchestration.conftest import due

    limit(1)
    run = begin()
    drain()
    sweep()
    assert fresh(run).status == "paused", "the day is not over"
    for page in (f"/runs/{run.reference}", "/runs/attention"):
        assert "It goes on by itself" in signed_in(operator).get(page).content.decode()
    due()
    BudgetUse.objects.update(bucket="2020-01-01")
    sweep()
    drain()
    assert fresh(run).status == "succeeded"
    assert shelf.stock == {"book": 3, "pen": 3}


def test_a_run_that_no_window_could_bear_waits_for_a_person(
    begin: Callable[..., Run], limit: Any
) -> None:
    from tests.orchestration.conftest import due

    limit(0)
    run = begin()
    drain()
    due()
    sweep()
    assert fresh(run).status == "paused"
    assert not run.steps.filter(not_before__isnull=False).exists()


def test_an_approval_outlives_a_budget_that_was_used_up(
    begin: Callable[..., Run], limit: Any, shelf: Shelf, approver: User, operator: User
) -> None:
    run = begin(amount=11)
    drain()
    request = ApprovalRequest.objects.get()
    limit(0)
    vote(
        actor=approver, request_id=request.pk, choice="approve", reason="Fine.",
        digest=request.action_digest,
    )  # fmt: skip
    drain()
    assert (fresh(run).status, fresh(request).execution) == ("paused", "none")
    limit(5)
    continue_run(actor=operator, run=run, reason="More.")
    drain()
    assert fresh(request).execution == "succeeded"
    assert shelf.stock == {"book": 11}


def test_a_retry_is_another_call_but_the_same_step(
    begin: Callable[..., Run], limit: Any, shelf: Shelf
) -> None:
    from tests.orchestration.conftest import due

    shelf.transactional = True
    limit(10, "calls")
    limit(10, "steps")
    run = begin()
    shelf.trouble = Unavailable("Down.", 0.1)
    drain()
    due()
    sweep()
    drain()
    assert fresh(run).status == "succeeded"
    assert dict(BudgetUse.objects.values_list("budget__unit", "spent")) == {"calls": 3, "steps": 2}


def test_the_sweep_returns_what_a_dead_worker_had_reserved(ready: Agent, limit: Any) -> None:
    limit(2)
    outcome = call(ready, "k1")
    row = BudgetUse.objects.get()
    BudgetUse.objects.update(spent=0, reserved=1)
    Reservation.objects.create(
        use=row, action_id=outcome.action_id, unit="calls", amount=1,
        at=now() - dt.timedelta(minutes=5),
    )  # fmt: skip
    Action.objects.update(status="failed")
    assert budgets.sweep() == 1
    assert use() == (1, 0)


def test_limits_are_set_by_those_who_may_with_a_reason_on_record(
    operator: User, chair: User, administrator: User, agent: Agent
) -> None:
    values = {"scope": "agent", "subject": "clerk", "unit": "calls", "window": "day"}
    with pytest.raises(NotPermitted):
        set_budget(actor=operator, **values, amount=1, reason="x")
    with pytest.raises(Invalid):
        set_budget(actor=chair, **{**values, "subject": "nobody"}, amount=1, reason="x")
    with pytest.raises(Invalid):
        set_budget(actor=chair, **{**values, "window": "run"}, amount=1, reason="x")
    with pytest.raises(Invalid):
        set_budget(actor=chair, **{**values, "unit": "money"}, amount=1, reason="x")
    with pytest.raises(Invalid):
        set_budget(actor=chair, **values, amount=1, reason=" ")
    made = set_budget(actor=chair, **values, amount=1, reason="A trial")
    assert set_budget(actor=administrator, **values, amount=3, reason="It went well").pk == made.pk
    event = LedgerEvent.objects.filter(type="limit.changed").latest("at")
    assert (event.before["amount"], event.after["amount"]) == (1, 3)
    with pytest.raises(NotPermitted):
        lift_budget(actor=operator, budget=made, reason="x")
    lift_budget(actor=administrator, budget=made, reason="The trial is over")
    assert not Budget.objects.exists()


def test_a_breaker_held_open_stops_every_call_and_let_go_lets_them_through(
    ready: Agent, administrator: User, operator: User
) -> None:
    with pytest.raises(NotPermitted):
        force_circuit(actor=operator, tool="shelf.put", forced="open", reason="x")
    force_circuit(actor=administrator, tool="shelf.put", forced="open", reason="Audit")
    assert call(ready, "k1").status == "retry"
    force_circuit(actor=administrator, tool="shelf.put", forced="", reason="Over")
    assert call(ready, "k2").status == "done"
    with pytest.raises(Invalid):
        force_circuit(actor=administrator, tool="no.tool", forced="open", reason="x")


def test_a_rate_is_set_and_taken_away(ready: Agent, administrator: User) -> None:
    set_rate(actor=administrator, agent="clerk", tool="", per_minute=1, burst=1, reason="Slowly")
    assert [call(ready, f"k{n}").status for n in range(2)] == ["done", "retry"]
    set_rate(actor=administrator, agent="clerk", tool="", per_minute=0, burst=1, reason="Enough")
    assert call(ready, "k5").status == "done"
    with pytest.raises(Conflict):
        set_rate(actor=administrator, agent="clerk", tool="", per_minute=0, burst=1, reason="x")


def test_without_budgets_an_action_pays_no_further_query(
    ready: Agent, limit: Any, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    call(ready, "warm")
    with CaptureQueriesContext(connection) as plain:
        call(ready, "k1")
    assert not [query for query in plain if "budgetuse" in query["sql"]]
    assert not [query for query in plain if "reservation" in query["sql"]]


@given(
    st.sampled_from(["hour", "day", "week", "month", "ever"]),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)),
    st.timedeltas(dt.timedelta(), dt.timedelta(days=400)),
)
def test_windows_follow_each_other_without_gap_or_return(
    window: str, moment: dt.datetime, later: dt.timedelta
) -> None:
    first, second = (bucket(window, one, None) for one in (moment, moment + later))
    assert first <= second
    if window != "ever" and later > dt.timedelta(days=31):
        assert first != second


@given(
    st.sampled_from(["hour", "day", "week", "month"]),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC)),
)
def test_a_window_ends_where_the_next_one_begins(window: str, moment: dt.datetime) -> None:
    end = window_end(window, moment)
    assert end is not None
    instant = dt.timedelta(microseconds=1)
    assert moment < end
    assert bucket(window, end - instant, None) == bucket(window, moment, None)
    assert bucket(window, end, None) > bucket(window, moment, None)


@given(st.dictionaries(st.sampled_from("ab"), st.integers(-99, 99)))
def test_money_is_what_the_tool_says_it_moves(values: dict[str, int]) -> None:
    schema = {"properties": {"a": {"spends": True}, "b": {}}}
    assert spends((schema,), (values,)) == abs(values.get("a", 0))


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_many_at_once_never_use_up_more_than_there_is(ready: Agent, limit: Any) -> None:
    limit(5)
    limit(50, scope="department", subject="finance")
    outcomes: list[str] = []

    def work(name: str) -> None:
        try:
            outcomes.extend(call(ready, f"{name}-{n}", thing=name).status for n in range(4))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") == 5
    assert outcomes.count("denied") == 11
    uses = dict(BudgetUse.objects.values_list("budget__scope", "spent"))
    assert uses == {"agent": 5, "department": 5}
    assert not BudgetUse.objects.filter(reserved__gt=0).exists()
