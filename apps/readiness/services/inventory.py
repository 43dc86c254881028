"""The inventory's verbs: what is known of processes and of the systems they live on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import Department, User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.readiness import directory, outline
from apps.readiness.models import Activity, Process, Rule, Source, System
from apps.readiness.services.keepers import may_keep, require_keeper
from apps.readiness.states import Access, RuleKind, Undo

# What only those who keep the whole inventory change: an owner must not free their own process.
RESERVED = ("owner", "department", "lawful_basis", "prohibited", "name")
OPEN = (
    "purpose", "volume", "minutes", "procedure_on", "escalation", "reviewer_hours", "depends_on",
    "critical_fields",
)  # fmt: skip
MOST_SEVERITY = 5


@permitted("readiness.manage")
@transaction.atomic
def register_process(
    *, actor: User | None, slug: str, name: str, purpose: str, department: Department, **more: Any
) -> Process:
    """A new process, never assessed. Raises Conflict for a slug in use."""
    if slug in ("new", "systems"):
        raise Invalid("This short name is an address of its own.", fields={"slug": ["Taken."]})
    found = Process(
        slug=slug, name=name, purpose=purpose, department=department, created_at=now(),
        **checked(None, more),
    )  # fmt: skip
    try:
        with transaction.atomic():
            found.save()
    except IntegrityError:
        raise Conflict(f"There is a process called {slug} already.", "slug_taken") from None
    directory.bump()
    record(type="readiness.process_registered", object=found, after={"slug": slug})
    return found


def change_process(
    *, actor: User | None, process: Process, seen: int | None = None, **changes: Any
) -> Process:
    """Changes what is known. `seen`: the version that the person had before them; Conflict where
    somebody changed it meanwhile."""
    require_keeper(actor, process)
    if actor is not None and not may_keep(actor):
        mine = [name for name in RESERVED if name in changes]
        mine = [name for name in mine if changes[name] != getattr(process, name)]
        if mine:
            raise NotPermitted("Others change who owns a process and what makes it lawful.")
    with transaction.atomic():
        row = Process.lock(process.pk)
        if seen is not None and version_of(row) != seen:
            raise Conflict("Somebody changed this process meanwhile. Your words are kept below.")
        for name, value in checked(row, changes).items():
            setattr(row, name, value)
        row.save()
        record(type="readiness.process_changed", object=row, after={"changed": sorted(changes)})
    return row


def version_of(process: Process) -> int:
    newest = process.history.order_by("-history_id").values_list("history_id", flat=True).first()  # type: ignore[attr-defined]
    return int(newest or 0)


def checked(process: Process | None, changes: dict[str, Any]) -> dict[str, Any]:
    unknown = set(changes) - {*RESERVED, *OPEN, "steps", "bpmn"}
    if unknown:
        raise TypeError(f"Not of a process: {sorted(unknown)}")
    for name in ("volume", "minutes"):
        if changes.get(name):
            changes[name] = three(name, changes[name])
    if "depends_on" in changes:
        changes["depends_on"] = dependencies(process, changes["depends_on"])
    return changes


def three(name: str, numbers: Sequence[Any]) -> list[float]:
    """Low, likely, high."""
    try:
        low, likely, high = (float(each) for each in numbers)
    except (TypeError, ValueError):
        raise Invalid("Give three numbers.", fields={name: ["Low, likely and high."]}) from None
    if not 0 <= low <= likely <= high < 10**9:
        raise Invalid("These numbers are out of order.", fields={name: ["Low ≤ likely ≤ high."]})
    return [low, likely, high]


def dependencies(process: Process | None, slugs: Sequence[str]) -> list[str]:
    """Processes that this one waits for; a circle is refused."""
    wanted = sorted(set(slugs))
    edges = dict(Process.objects.values_list("slug", "depends_on"))
    if unknown := [slug for slug in wanted if slug not in edges]:
        raise Invalid(f"There is no process {unknown[0]}.", fields={"depends_on": ["Unknown."]})
    own = process.slug if process else ""
    todo, met = list(wanted), set[str]()
    while todo:
        slug = todo.pop()
        if slug == own:
            raise Invalid(
                "A process cannot wait for itself, however far around.",
                fields={"depends_on": ["This makes a circle."]},
            )
        if slug not in met:
            met.add(slug)
            todo += edges.get(slug, [])
    return wanted


def document_steps(*, actor: User | None, process: Process, text: str) -> Process:
    """The documented process as an outline (`outline`); it takes the place of a BPMN file. Raises
    Invalid with the line."""
    from apps.readiness.mining.documented import from_steps
    from apps.readiness.mining.nets import DocumentRefused

    require_keeper(actor, process)
    try:
        steps = outline.parse(text)
        if steps:
            from_steps(steps)
    except (outline.Unclear, DocumentRefused) as refusal:
        raise Invalid("The outline cannot be read.", fields={"text": [str(refusal)]}) from None
    return documented(process, steps=steps, bpmn="")


def import_bpmn(*, actor: User | None, process: Process, data: bytes) -> Process:
    """The documented process from a BPMN 2.0 file. Raises Invalid with what is not read."""
    from apps.readiness.mining.documented import from_bpmn
    from apps.readiness.mining.nets import DocumentRefused

    require_keeper(actor, process)
    try:
        from_bpmn(data)
        text = data.decode()
    except (DocumentRefused, UnicodeDecodeError) as refusal:
        raise Invalid("The file was not taken.", fields={"file": [str(refusal)]}) from None
    return documented(process, steps=[], bpmn=text)


@transaction.atomic
def documented(process: Process, **changes: Any) -> Process:
    row = Process.lock(process.pk)
    row.steps, row.bpmn = changes["steps"], changes["bpmn"]
    row.save()
    record(
        type="readiness.document_imported", object=row,
        after={"steps": len(row.steps), "bpmn": bool(row.bpmn)},
    )  # fmt: skip
    return row


@permitted("readiness.manage")
@transaction.atomic
def save_system(
    *,
    actor: User | None,
    name: str,
    access: str,
    sanctioned: bool,
    owner: User | None = None,
    purpose: str = "",
    system: System | None = None,
) -> System:
    """A system as logs name it, new or changed. Raises Conflict for a name in use."""
    if access not in Access.values:
        raise Invalid("Choose how it is reached.", fields={"access": ["Choose one."]})
    row = System.lock(system.pk) if system else System()
    row.name, row.access, row.sanctioned = name, access, sanctioned
    row.owner, row.purpose = owner, purpose
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict(f"There is a system called {name} already.") from None
    act = "readiness.system_changed" if system else "readiness.system_registered"
    record(type=act, object=row, after={"access": access, "sanctioned": sanctioned})
    return row


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
) -> Activity:
    """What is known of a step: its harm, its undo, and whether a person looks before it."""
    require_keeper(actor, process)
    if not 0 <= severity <= MOST_SEVERITY or undo not in Undo.values:
        raise Invalid("Choose from the list.", fields={"severity": ["0 to 5."]})
    if undo == Undo.TESTED and (undo_tested_on is None or undo_tested_on > now().date()):
        raise Invalid(
            "Say when the undo was tested.", fields={"undo_tested_on": ["A day that was."]}
        )
    with transaction.atomic():
        Process.lock(process.pk)
        row = Activity.objects.filter(process=process, name=name).first() or Activity(
            process=process, name=name
        )
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
) -> Source:
    """A table that the process lives on, with the rules it must keep (mining.quality)."""
    require_keeper(actor, process)
    if problems := rule_problems(rules):
        raise Invalid("A rule cannot be used.", fields={"rules": problems})
    with transaction.atomic():
        Process.lock(process.pk)
        row = Source.objects.filter(process=process, name=name).first() or Source(
            process=process, name=name
        )
        row.rules, row.system, row.owner = list(rules), system, owner
        row.save()
        record(
            type="readiness.source_described", object=row,
            after={"process": process.slug, "rules": len(row.rules)},
        )  # fmt: skip
    return row


CHECKS = (
    "complete", "one_of", "pattern", "range", "unique", "not_before", "sum_of", "given_with",
    "fresh",
)  # fmt: skip


def rule_problems(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    for number, rule in enumerate(rules, 1):
        if not isinstance(rule, Mapping) or rule.get("check") not in CHECKS:
            found.append(f"Rule {number}: “check” is one of {', '.join(CHECKS)}.")
        elif not (rule.get("field") or rule.get("fields")):
            found.append(f"Rule {number}: say which “field”.")
    return found


def state_rule(*, actor: User | None, process: Process, kind: str, body: Mapping[str, Any]) -> Rule:
    """A rule that the procedure states, to be replayed on what happened."""
    require_keeper(actor, process)
    needed = ("at", "when", "then", "otherwise") if kind == "decision" else ("first", "second")
    missing = [name for name in needed if not body.get(name)]
    if kind not in RuleKind.values or missing:
        raise Invalid("Say all of the rule.", fields={name: ["Missing."] for name in missing})
    with transaction.atomic():
        Process.lock(process.pk)
        row = Rule(process=process, kind=kind, body=dict(body))
        row.save()
        record(
            type="readiness.rule_stated", object=row, after={"process": process.slug, "kind": kind}
        )
    return row


REMOVED = {
    Activity: "readiness.step_removed",
    Source: "readiness.source_removed",
    Rule: "readiness.rule_removed",
}


def remove(*, actor: User | None, row: Activity | Source | Rule) -> None:
    """Takes a description away; its history stays. A source with tables stays, for what was
    measured names it."""
    require_keeper(actor, row.process)
    if isinstance(row, Source) and row.tables.exists():
        raise Conflict("Tables of this source were checked; it stays with its rules.")
    with transaction.atomic():
        process, what = Process.lock(row.process_id), str(row)
        row.delete()
        record(type=REMOVED[type(row)], object=process, after={"removed": what})
