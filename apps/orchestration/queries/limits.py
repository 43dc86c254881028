"""What agents may use up, and whose work goes first."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now
from apps.common.errors import Absent
from apps.orchestration.models import Precedence
from apps.registry.models import Agent
from apps.runtime.models import Budget, BudgetUse, Circuit, Rate
from apps.runtime.rules import bucket

LISTED = 200


@dataclass(frozen=True)
class BudgetLine:
    """A budget and what its present window has seen; runs have a window each."""

    budget: Budget
    spent: int
    reserved: int

    @property
    def used(self) -> int:
        return self.spent + self.reserved

    @property
    def form_amount(self) -> str:
        """The amount as the form takes it: money in whole units."""
        money = self.budget.unit == "money"
        return f"{self.budget.amount / 100:.2f}" if money else str(self.budget.amount)

    @property
    def used_words(self) -> str:
        if self.budget.unit == "money":
            return f"{self.used / 100:,.2f} {self.budget.currency}"
        return f"{self.used:,}"

    @property
    def per_run(self) -> bool:
        return bool(self.budget.scope == "run")


@dataclass(frozen=True)
class Limits:
    agent: Agent | None
    budgets: list[BudgetLine]
    rates: list[Rate]
    breakers: list[Circuit]
    precedences: list[Precedence]


def limits(reader: User, *, agent: str = "") -> Limits:
    """Everything that limits agents, or what concerns one of them; six queries at most."""
    if not holds(reader, "runs.view"):
        raise Absent
    found = Agent.objects.select_related("sponsor").filter(slug=agent).first() if agent else None
    if agent and found is None:
        raise Absent
    budgets, rates, precedences = (
        Budget.objects.order_by("scope", "subject", "unit", "window"),
        Rate.objects.order_by("scope"),
        Precedence.objects.select_related("agent").order_by("-rank", "agent__name"),
    )
    if found is not None:
        department = Q(scope="department", subject=found.sponsor.slug)
        budgets = budgets.filter(Q(scope="agent", subject=found.slug) | department)
        own = Q(scope=f"agent:{found.slug}") | Q(scope__startswith=f"agent:{found.slug}:")
        rates = rates.filter(own)
        precedences = precedences.filter(agent=found)
    return Limits(
        found,
        lines(list(budgets[:LISTED])),
        list(rates[:LISTED]),
        list(Circuit.objects.order_by("tool_name")[:LISTED]),
        list(precedences[:LISTED]),
    )


def lines(budgets: list[Budget]) -> list[BudgetLine]:
    moment = now()
    buckets = {budget.pk: bucket(budget.window, moment, None) for budget in budgets}
    rows = BudgetUse.objects.filter(budget__in=budgets, bucket__in=set(buckets.values()))
    uses = {row.budget_id: row for row in rows if row.bucket == buckets[row.budget_id]}
    return [
        BudgetLine(
            budget,
            uses[budget.pk].spent if budget.pk in uses else 0,
            uses[budget.pk].reserved if budget.pk in uses else 0,
        )
        for budget in budgets
    ]
