"""What people set: budgets, rates, and breakers held open or closed."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.access.models import Department, User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.registry.models import Agent, Tool
from apps.runtime.models import Budget, Circuit, Rate
from apps.runtime.states import BudgetScope, BudgetUnit, BudgetWindow, Forced


@permitted("limits.set")
@transaction.atomic
def set_budget(
    *,
    actor: User | None,
    scope: str,
    subject: str,
    unit: str,
    window: str,
    amount: int,
    reason: str,
    currency: str = "",
) -> Budget:
    """Sets how much may be used up; holds from the next action on. What the window has seen so far
    counts. `subject` is the slug of the agent, the department or the workflow."""
    require_reason(reason)
    if problem := budget_problem(scope, subject, unit, window, amount, currency):
        raise Invalid(problem)
    key = {"scope": scope, "subject": subject, "unit": unit, "window": window}
    row = Budget.objects.select_for_update().filter(**key, currency=currency).first()
    before = {"amount": row.amount} if row else None
    row = row or Budget(**key, currency=currency)
    row.amount = amount
    with acting(reason=reason):
        row.save()
        record(type="limit.changed", object=row, reason=reason, before=before,
               after={**key, "amount": amount, "currency": currency})  # fmt: skip
    return row


def require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why the limit is changed.", fields={"reason": ["Say why."]})


SUBJECTS: dict[str, type[Any]] = {
    BudgetScope.AGENT: Agent,
    BudgetScope.DEPARTMENT: Department,
}


def budget_problem(
    scope: str, subject: str, unit: str, window: str, amount: int, currency: str
) -> str:
    """One sentence about a budget that cannot be, or ""."""
    known = scope in BudgetScope.values and unit in BudgetUnit.values
    if not (known and window in BudgetWindow.values and amount >= 0):
        return "A budget is a number of units in a window, for an agent, a department or a run."
    if (scope == BudgetScope.RUN) != (window == BudgetWindow.RUN):
        return "Runs have budgets per run, and agents and departments have others."
    if (unit == BudgetUnit.MONEY) != (len(currency) == 3):
        return "Money has a currency of three letters, and nothing else has one."
    model = SUBJECTS.get(scope)
    if model is not None and not model.objects.filter(slug=subject).exists():
        return f"There is no {BudgetScope(scope).name.lower()} called {subject}."
    return ""


@permitted("limits.set")
@transaction.atomic
def lift_budget(*, actor: User | None, budget: Budget, reason: str) -> None:
    """Takes a budget away; its history stays."""
    require_reason(reason)
    row = Budget.objects.select_for_update().filter(pk=budget.pk).first()
    if row is None:
        raise Conflict("Somebody else has just taken this budget away.")
    with acting(reason=reason):
        record(type="limit.lifted", object=row, reason=reason, before={"amount": row.amount})
        row.delete()


@permitted("limits.set")
@transaction.atomic
def set_rate(
    *, actor: User | None, agent: str, tool: str, per_minute: int, burst: int, reason: str
) -> Rate | None:
    """Sets how often an agent, a tool, or an agent with a tool may be called; 0 takes it away."""
    require_reason(reason)
    scope = rate_scope(agent, tool)
    row = Rate.objects.select_for_update().filter(pk=scope).first()
    before = {"per_minute": row.per_minute, "burst": row.burst} if row else None
    if not per_minute:
        if row is None:
            raise Conflict(f"There is no rate for {scope}.")
        record(type="limit.lifted", object=row, reason=reason, before=before)
        row.delete()
        return None
    row = row or Rate(scope=scope, arrival_at=now())
    row.per_minute, row.burst = per_minute, max(burst, 1)
    row.save()
    record(type="limit.changed", object=row, reason=reason, before=before,
           after={"per_minute": row.per_minute, "burst": row.burst})  # fmt: skip
    return row


def rate_scope(agent: str, tool: str) -> str:
    if not agent and not tool:
        raise Invalid("Name an agent, a tool, or both.")
    if agent and not Agent.objects.filter(slug=agent).exists():
        raise Invalid(f"There is no agent called {agent}.")
    if tool and not Tool.objects.filter(name=tool).exists():
        raise Invalid(f"There is no tool called {tool}.")
    if agent and tool:
        return f"agent:{agent}:{tool}"
    return f"agent:{agent}" if agent else f"tool:{tool}"


@permitted("limits.set")
@transaction.atomic
def force_circuit(*, actor: User | None, tool: str, forced: str, reason: str) -> Circuit:
    """Holds a tool's breaker open (no call goes through) or closed, or lets it work by itself."""
    require_reason(reason)
    if forced not in Forced.values or not Tool.objects.filter(name=tool).exists():
        raise Invalid("Name a tool, and whether its breaker is held open or closed.")
    Circuit.objects.get_or_create(pk=tool)
    row = Circuit.objects.select_for_update().get(pk=tool)
    before = row.forced
    row.forced = forced
    row.save(update_fields=["forced"])
    record(type="limit.changed", object=row, reason=reason, before={"forced": before},
           after={"forced": forced})  # fmt: skip
    return row
