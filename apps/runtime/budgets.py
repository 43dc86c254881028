"""Budgets: reserved before the effect, settled after it, exact across workers.

The gate checks that there is room where it checks limits, and reserves in the transaction that
records the action; what is denied or asked about reserves nothing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from apps.common.clock import now
from apps.registry.models import Agent, Tool
from apps.runtime.models import Action, Budget, BudgetUse, Reservation
from apps.runtime.rules import CallContext, Stopped, bucket, spends, window_end
from apps.runtime.states import ActionStatus, BudgetUnit

CODE = "budget"
MOST = 500
FINISHED = (
    ActionStatus.DONE,
    ActionStatus.FAILED,
    ActionStatus.STALE,
    ActionStatus.EXPIRED,
    ActionStatus.UNDONE,
    ActionStatus.REJECTED,
    ActionStatus.DENIED,
)


@dataclass(frozen=True)
class Spending:
    """What one call is about to use up, unit by unit."""

    call: CallContext
    tool: Tool
    arguments: Mapping[str, Any]
    facts: Mapping[str, Any]
    first: bool

    @property
    def money(self) -> int:
        return spends(
            (self.tool.input_schema, self.tool.facts_schema), (self.facts, self.arguments)
        )

    @property
    def currency(self) -> str:
        return str(self.facts.get("currency") or self.arguments.get("currency") or "")

    def of(self, unit: str) -> int:
        return {
            BudgetUnit.CALLS: 1,
            BudgetUnit.STEPS: int(self.first and self.call.step_id is not None),
            BudgetUnit.SECONDS: 1,
            BudgetUnit.TOKENS: self.call.tokens,
            BudgetUnit.MONEY: self.money,
        }[BudgetUnit(unit)]


def concerning(agent: Agent, call: CallContext) -> list[Budget]:
    """The budgets that a call of this agent counts against, in the order they are locked in."""
    mine = Q(scope="agent", subject=agent.slug) | Q(scope="department", subject=agent.sponsor.slug)
    if call.workflow and call.run_id:
        mine |= Q(scope="run", subject=call.workflow)
    return list(Budget.objects.filter(mine).order_by("pk"))


def check(budgets: list[Budget], call: CallContext, moment: dt.datetime) -> None:
    """Raises Stopped where a budget that every call counts against is used up already. The exact
    look, and that at money, steps and tokens, is at the reservation."""
    known = [BudgetUnit.CALLS, BudgetUnit.SECONDS]
    if call.step_id is None:
        known.append(BudgetUnit.TOKENS)  # told with the outcome: the next call meets the end
    budgets = [budget for budget in budgets if budget.unit in known]
    buckets = {budget.pk: bucket(budget.window, moment, call.run_id) for budget in budgets}
    uses = BudgetUse.objects.filter(budget__in=budgets, bucket__in=set(buckets.values()))
    for use in uses:
        budget = next(each for each in budgets if each.pk == use.budget_id)
        if use.bucket == buckets[budget.pk] and use.spent + use.reserved >= budget.amount:
            raise used_up(budget, 1, moment)


def used_up(budget: Budget, amount: int, moment: dt.datetime) -> Stopped:
    """With the end of the window, where the next one could bear what is wanted."""
    until = window_end(budget.window, moment) if amount <= budget.amount else None
    sentence = f"The budget of {budget.subject} is used up: {budget.sentence}."
    return Stopped(CODE, sentence, until=until)


def reserve(budgets: list[Budget], spending: Spending, action: Action) -> None:
    """Sets aside what the action will use, all or none; in the transaction that records it."""
    call = spending.call
    for budget in budgets:
        amount = wanted(budget, budgets, spending)
        if not amount:
            continue
        name = bucket(budget.window, action.at, call.run_id)
        BudgetUse.objects.bulk_create(
            [BudgetUse(budget=budget, bucket=name)], ignore_conflicts=True
        )
        room = BudgetUse.objects.filter(
            budget=budget, bucket=name, spent__lte=budget.amount - F("reserved") - amount
        )
        if not room.update(reserved=F("reserved") + amount):
            raise used_up(budget, amount, action.at)
        use = BudgetUse.objects.get(budget=budget, bucket=name)
        Reservation.objects.create(
            use=use, action=action, unit=budget.unit, amount=amount, at=now()
        )
        action.reserved = True


def wanted(budget: Budget, budgets: list[Budget], spending: Spending) -> int:
    """What a budget has to bear. Money in a currency that no budget of this scope counts could be
    spent unseen, so it is refused."""
    if budget.unit != BudgetUnit.MONEY or not spending.money:
        return spending.of(budget.unit)
    counted = {one.currency for one in budgets if one.unit == "money" and one.scope == budget.scope}
    if spending.currency not in counted:
        name = spending.currency or "no named currency"
        raise Stopped(CODE, f"{budget.subject} has no budget in {name}.")
    return spending.money if budget.currency == spending.currency else 0


def settle(action: Action, result: Mapping[str, Any] | None) -> None:
    """What was reserved is spent, as far as it was used. None: the call came to nothing, which
    still was a call, a step and some time. In the caller's transaction."""
    moment = now()
    rows = Reservation.objects.select_related("use").filter(action=action).order_by("use_id")
    for row in rows:
        BudgetUse.objects.filter(pk=row.use_id).update(
            reserved=F("reserved") - row.amount,
            spent=F("spent") + used(action, row, result, moment),
        )
        row.delete()


def used(
    action: Action, row: Reservation, result: Mapping[str, Any] | None, moment: dt.datetime
) -> int:
    if row.unit == BudgetUnit.SECONDS:
        return math.ceil(max((moment - row.at).total_seconds(), 0))
    if row.unit == BudgetUnit.MONEY:
        told = spends((action.tool.output_schema,), (result or {},)) if action.tool else 0
        return 0 if result is None else told or row.amount
    return row.amount


def tell_tokens(action: Action, tokens: int) -> None:
    """What an outside agent says its model used up to come to a call is spent, also past the end of
    a budget: it has happened. In the caller's transaction."""
    if action.agent is None or not tokens:
        return
    for budget in concerning(action.agent, CallContext(idem_key=action.idem_key)):
        if budget.unit != BudgetUnit.TOKENS:
            continue
        name = bucket(budget.window, action.at, None)
        BudgetUse.objects.bulk_create(
            [BudgetUse(budget=budget, bucket=name)], ignore_conflicts=True
        )
        BudgetUse.objects.filter(budget=budget, bucket=name).update(spent=F("spent") + tokens)


def sweep() -> int:
    """Settles what nobody will settle any more: a worker died, or an agent that was allowed to act
    by itself never said how it went (then it counts as spent)."""
    over = Q(action__status__in=FINISHED)
    unsaid = Q(action__status=ActionStatus.ALLOWED, action__execute_by__lte=now())
    rows = Reservation.objects.filter(over | unsaid, at__lte=now() - dt.timedelta(minutes=1))
    actions = Action.objects.filter(pk__in=rows.values("action_id")[:MOST]).select_related("tool")
    for action in actions:
        happened = action.status in (ActionStatus.DONE, ActionStatus.UNDONE, ActionStatus.ALLOWED)
        with transaction.atomic():
            settle(action, (action.result or {}) if happened else None)
    return len(actions)
