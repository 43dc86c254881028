"""What is known of a process's steps, tables and rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.services import record
from apps.readiness.mining.statements import decision_problem, rule_problem
from apps.readiness.models import Activity, Process, Rule, Source, System
from apps.readiness.services.inventory.versions import refuse_changed
from apps.readiness.services.keepers import require_keeper
from apps.readiness.states import RuleKind, Undo

MOST_SEVERITY = 5
MOST_RULES = 200


def describe_step(
    *,
    actor: User | None,
    process: Process,
    name: str,
    severity: int,
    undo: str,
    undo_how: str = "",
    undo_tested_on: dt.date | None = None,
    guarded: bool = False,
    seen: int | None = None,
) -> Activity:
    """What is known of a step: its harm, its undo, and whether a person looks before it."""
    require_keeper(actor, process)
    if not name.strip():
        raise Invalid("Say which step.", fields={"name": ["Say which step."]})
    if not 0 <= severity <= MOST_SEVERITY or undo not in Undo.values:
        raise Invalid("Choose from the list.", fields={"severity": ["0 to 5."]})
    if undo == Undo.TESTED and (undo_tested_on is None or undo_tested_on > now().date()):
        raise Invalid(
            "Say when the undo was tested.", fields={"undo_tested_on": ["A day that was."]}
        )
    with transaction.atomic():
        Process.lock(process.pk)
        row = Activity.objects.filter(process=process, name=name.strip()).first() or Activity(
            process=process, name=name.strip()
        )
        refuse_changed(row, seen)
        row.severity, row.undo, row.undo_how = severity, undo, undo_how
        row.undo_tested_on, row.guarded = undo_tested_on, guarded
        row.save()
        record(
            type="readiness.step_described", object=row,
            after={"process": process.slug, "severity": severity, "undo": undo},
        )  # fmt: skip
    return row


def save_source(
    *,
    actor: User | None,
    process: Process,
    name: str,
    rules: Sequence[Mapping[str, Any]],
    system: System | None = None,
    owner: User | None = None,
    seen: int | None = None,
) -> Source:
    """A table that the process lives on, with the rules it must keep (mining.statements)."""
    require_keeper(actor, process)
    problems = [
        f"Rule {number}: {problem}"
        for number, rule in enumerate(rules[:MOST_RULES], 1)
        if (problem := rule_problem(rule))
    ]
    if len(rules) > MOST_RULES:
        problems.append(f"There are more than {MOST_RULES} rules.")
    if problems:
        raise Invalid("A rule cannot be used.", fields={"rules": problems})
    with transaction.atomic():
        Process.lock(process.pk)
        row = Source.objects.filter(process=process, name=name).first() or Source(
            process=process, name=name
        )
        refuse_changed(row, seen)
        row.rules, row.system, row.owner = list(rules), system, owner
        row.save()
        record(
            type="readiness.source_described", object=row,
            after={"process": process.slug, "rules": len(row.rules)},
        )  # fmt: skip
    return row


def state_rule(*, actor: User | None, process: Process, kind: str, body: Mapping[str, Any]) -> Rule:
    """A rule that the procedure states, to be replayed on what happened."""
    require_keeper(actor, process)
    if kind not in RuleKind.values:
        raise Invalid("Choose a kind of rule.", fields={"kind": ["Choose one."]})
    problem = decision_problem(body) if kind == RuleKind.DECISION else pair_problem(body)
    if problem:
        raise Invalid(problem)
    with transaction.atomic():
        Process.lock(process.pk)
        row = Rule(process=process, kind=kind, body=dict(body))
        row.save()
        record(
            type="readiness.rule_stated", object=row, after={"process": process.slug, "kind": kind}
        )
    return row


def pair_problem(body: Mapping[str, Any]) -> str:
    first, second = body.get("first"), body.get("second")
    if not first or not second:
        return "Say which two steps."
    return "A rule about two steps needs two different ones." if first == second else ""


REMOVED = {
    Activity: "readiness.step_removed",
    Source: "readiness.source_removed",
    Rule: "readiness.rule_removed",
}


def remove(*, actor: User | None, row: Activity | Source | Rule) -> None:
    """Takes a description away; its history stays. A source with tables stays, for what was
    measured names it."""
    require_keeper(actor, row.process)
    with transaction.atomic():
        process, what = Process.lock(row.process_id), str(row)
        if isinstance(row, Source) and row.tables.exists():
            raise Conflict("Tables of this source were checked; it stays with its rules.")
        row.delete()
        record(type=REMOVED[type(row)], object=process, after={"removed": what})
