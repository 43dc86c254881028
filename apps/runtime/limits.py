"""Rates and circuits: rows, exact across workers, visible and overridable by people."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction
from django.db.models import F, Q

from apps.common.clock import now
from apps.ledger.services import record
from apps.registry.models import Agent, Tool
from apps.runtime import budgets
from apps.runtime.models import Budget, Circuit, Rate
from apps.runtime.rules import CallContext, Stopped

OPENS_AFTER = 5
STAYS_OPEN = dt.timedelta(seconds=30)


def check(
    agent: Agent | None, tool: Tool | None, call: CallContext, moment: dt.datetime
) -> list[Budget]:
    """Raises Stopped with `retry_after` when a rate is used up or the tool's circuit is open, and
    without when a budget is. Returns the budgets that the call counts against."""
    if agent is None or tool is None:
        raise Stopped("limit", "Limits could not be checked.", 1.0)
    check_circuit(tool.name)
    scopes = [f"agent:{agent.slug}", f"tool:{tool.name}", f"agent:{agent.slug}:{tool.name}"]
    if Rate.objects.filter(scope__in=scopes).exists():
        take(scopes)
    found = budgets.concerning(agent, call)
    if found:
        budgets.check(found, call, moment)
    return found


def take(scopes: list[str]) -> None:
    """GCRA: each call moves the theoretical arrival time on by one interval; a call that comes
    before (arrival − burst) waits. Rows are locked in key order, all or none."""
    with transaction.atomic():
        moment = now()
        for rate in Rate.objects.select_for_update().filter(scope__in=scopes).order_by("scope"):
            interval = dt.timedelta(seconds=60 / rate.per_minute)
            arrival = max(rate.arrival_at, moment)
            wait = (arrival - interval * (rate.burst - 1) - moment).total_seconds()
            if wait > 0:
                raise Stopped("limit", f"The rate limit of {rate.scope} is used up.", wait)
            Rate.objects.filter(pk=rate.pk).update(arrival_at=arrival + interval)


def check_circuit(tool_name: str) -> None:
    circuit = Circuit.objects.filter(pk=tool_name).first()
    if circuit is None or circuit.forced == "closed":
        return
    if circuit.forced == "open":
        raise Stopped("circuit", f"{tool_name} is held closed to agents by a person.", 60.0)
    if circuit.opened_until is None:
        return
    moment = now()
    if circuit.opened_until > moment:
        wait = (circuit.opened_until - moment).total_seconds()
        raise Stopped("circuit", f"{tool_name} fails at present; it is tried again later.", wait)
    take_probe(tool_name, moment)


def take_probe(tool_name: str, moment: dt.datetime) -> None:
    """After the cool-off exactly one call goes through to see whether the system is back."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=moment)
    won = Circuit.objects.filter(free, pk=tool_name).update(probe_until=moment + STAYS_OPEN)
    if not won:
        raise Stopped("circuit", f"{tool_name} is being tried by another call.", 2.0)


def succeeded(tool_name: str) -> None:
    """Closes the circuit again, if anything had been counted against the tool."""
    table = Circuit._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET failures = 0, opened_until = NULL, probe_until = NULL"  # noqa: S608
            " WHERE tool_name = %s AND (failures > 0 OR opened_until IS NOT NULL)",
            [tool_name],
        )


def failed(tool_name: str) -> None:
    """Counts a failure; the fifth in a row opens the circuit."""
    with transaction.atomic():
        Circuit.objects.get_or_create(pk=tool_name)
        Circuit.objects.filter(pk=tool_name).update(failures=F("failures") + 1, probe_until=None)
        until = now() + STAYS_OPEN
        opened = Circuit.objects.filter(pk=tool_name, failures__gte=OPENS_AFTER).update(
            opened_until=until
        )
        if opened:
            record(
                type="circuit.opened",
                object=Circuit.objects.get(pk=tool_name),
                reason=f"{OPENS_AFTER} failures in a row.",
            )
