"""The page of limits, and what is stopped until people say how it goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.orchestration.models import Precedence, Run
from apps.orchestration.queries import attention
from apps.orchestration.services import drain
from apps.registry.models import Agent
from apps.runtime.models import Budget, Circuit, Rate
from apps.runtime.services import force_circuit, set_budget, set_rate

PAGE = "/runs/limits"
Sign = Callable[[User], Client]


def test_with_nothing_set_it_says_so(operator: User, stranger: User, signed_in: Sign) -> None:
    shown = signed_in(operator).get(PAGE).content.decode()
    assert "No budget is set" in shown
    assert "Set a budget…" not in shown, "operators look, they do not set"
    assert signed_in(stranger).get(PAGE).status_code == 404
    assert signed_in(operator).get(f"{PAGE}/budget").status_code == 404


def test_an_administrator_sets_changes_and_takes_away(
    agent: Agent, administrator: User, signed_in: Sign
) -> None:
    page = signed_in(administrator)
    form = {"scope": "agent", "subject": "clerk", "unit": "money", "amount": "2500.50",
            "currency": "EUR", "window": "month", "reason": "Pilot"}  # fmt: skip
    assert page.post(f"{PAGE}/budget", form).status_code == 302
    budget = Budget.objects.get()
    assert budget.amount == 250050
    shown = page.get(f"{PAGE}?agent=clerk").content.decode()
    assert "2,500.50 EUR per month" in shown
    assert "amount=2500.50" in shown
    assert page.get(f"{PAGE}/budget/{budget.pk}/lift").status_code == 200
    page.post(f"{PAGE}/budget/{budget.pk}/lift", {"reason": "Over"})
    assert not Budget.objects.exists()
    rate = {"agent": "clerk", "tool": "", "per_minute": 30, "burst": 2, "reason": "x"}
    page.post(f"{PAGE}/rate", rate)
    page.post(f"{PAGE}/breaker", {"tool": "shelf.put", "forced": "open", "reason": "x"})
    ranked = {"agent": "clerk", "rank": 7, "kind": "compliance", "reason": "x"}
    page.post(f"{PAGE}/precedence", ranked)
    assert Rate.objects.get().scope == "agent:clerk"
    assert Circuit.objects.get().forced == "open"
    assert Precedence.objects.get().rank == 7
    shown = page.get(PAGE).content.decode()
    for words in ("agent:clerk", "Held open", "Compliance"):
        assert words in shown


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("budget", {"scope": "agent", "subject": "nobody", "unit": "calls", "amount": "1",
                    "window": "day", "reason": "x"}),
        ("budget", {"scope": "agent", "subject": "clerk", "unit": "calls", "amount": "1.5",
                    "window": "day", "reason": "x"}),
        ("budget", {"scope": "run", "subject": "clerk", "unit": "calls", "amount": "1",
                    "window": "day", "reason": "x"}),
        ("rate", {"agent": "", "tool": "", "per_minute": "3", "burst": "1", "reason": "x"}),
        ("breaker", {"tool": "nothing.here", "forced": "open", "reason": "x"}),
        ("precedence", {"agent": "clerk", "rank": "900", "kind": "safety", "reason": "x"}),
        ("precedence", {"agent": "clerk", "rank": "9", "kind": "safety", "reason": ""}),
    ],
)  # fmt: skip
def test_bad_input_is_told_at_the_form_with_nothing_lost(
    agent: Agent, administrator: User, signed_in: Sign, kind: str, form: dict[str, str]
) -> None:
    answer = signed_in(administrator).post(f"{PAGE}/{kind}", form)
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "Something is missing" in shown
    assert all(f'value="{value}"' in shown or value in shown for value in form.values())
    assert not Budget.objects.exists()


def test_the_page_of_one_agent_shows_what_concerns_it(
    agent: Agent, administrator: User, operator: User, department: object, signed_in: Sign
) -> None:
    for scope, subject in (("agent", "clerk"), ("department", "finance"), ("run", "stocking")):
        window = "run" if scope == "run" else "day"
        set_budget(actor=administrator, scope=scope, subject=subject, unit="calls", window=window,
                   amount=9, reason="x")  # fmt: skip
    set_rate(actor=administrator, agent="", tool="shelf.put", per_minute=9, burst=1, reason="x")
    force_circuit(actor=administrator, tool="shelf.put", forced="", reason="x")
    shown = signed_in(operator).get(f"{PAGE}?agent=clerk").content.decode()
    assert "finance" in shown
    assert "stocking" not in shown
    assert "tool:shelf.put" not in shown
    assert signed_in(operator).get(f"{PAGE}?agent=nobody").status_code == 404


def test_a_run_stopped_by_its_budget_is_listed_for_people(
    begin: Callable[..., Run], administrator: User, operator: User, stranger: User, signed_in: Sign
) -> None:
    set_budget(actor=administrator, scope="agent", subject="clerk", unit="calls", window="day",
               amount=1, reason="x")  # fmt: skip
    run = begin()
    drain()
    assert [item.run for item in attention(operator)] == [run]
    assert attention(stranger) == []
    shown = signed_in(operator).get("/runs/attention").content.decode()
    assert "The budget of clerk is used up: 1 tool call per day." in shown
    assert "The budget of clerk" in signed_in(operator).get("/").content.decode()
