"""Processes: registered, changed, and documented by an outline or a BPMN file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import Department, User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.readiness import directory, outline
from apps.readiness.models import Process
from apps.readiness.services.inventory.versions import refuse_changed
from apps.readiness.services.keepers import may_keep, require_keeper

# What only those who keep the whole inventory change: an owner must not free their own process.
RESERVED = ("owner", "department", "lawful_basis", "prohibited", "name")
OPEN = (
    "purpose", "volume", "minutes", "procedure_on", "escalation", "reviewer_hours", "depends_on",
    "critical_fields",
)  # fmt: skip
ADDRESSES = ("new", "systems")


@permitted("readiness.manage")
@transaction.atomic
def register_process(
    *, actor: User | None, slug: str, name: str, purpose: str, department: Department, **more: Any
) -> Process:
    """A new process, never assessed. Raises Conflict for a slug in use."""
    if slug in ADDRESSES:
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
    with transaction.atomic():
        if "depends_on" in changes:
            lock_all()
        row = Process.lock(process.pk)
        refuse_changed(row, seen)
        if actor is not None and not may_keep(actor):
            refuse_reserved(row, changes)
        renamed = changes.get("name", row.name) != row.name
        for name, value in checked(row, changes).items():
            setattr(row, name, value)
        row.save()
        if renamed:
            directory.bump()
        record(type="readiness.process_changed", object=row, after={"changed": sorted(changes)})
    return row


def refuse_reserved(row: Process, changes: dict[str, Any]) -> None:
    if any(name in changes and changes[name] != getattr(row, name) for name in RESERVED):
        raise NotPermitted("Others change who owns a process and what makes it lawful.")


def checked(process: Process | None, changes: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(changes) - {*RESERVED, *OPEN}:
        raise TypeError(f"Not of a process: {sorted(unknown)}")
    for name in ("volume", "minutes"):
        if changes.get(name):
            changes[name] = three(name, changes[name])
    if changes.get("depends_on"):
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


def lock_all() -> None:
    """Who waits for whom is a matter of all processes: two changes at once could make a circle that
    neither sees."""
    list(Process.objects.select_for_update().order_by("pk").values_list("pk", flat=True))


def dependencies(process: Process | None, slugs: Sequence[str]) -> list[str]:
    """Processes that this one waits for; a circle is refused. The caller has locked them all, or
    the process is new and nothing can wait for it yet."""
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


def document_steps(
    *, actor: User | None, process: Process, text: str, seen: int | None = None
) -> Process:
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
    return documented(process, seen, steps=steps, bpmn="")


def import_bpmn(
    *, actor: User | None, process: Process, data: bytes, seen: int | None = None
) -> Process:
    """The documented process from a BPMN 2.0 file. Raises Invalid with what is not read."""
    from apps.readiness.mining.documented import as_text, from_bpmn
    from apps.readiness.mining.nets import DocumentRefused

    require_keeper(actor, process)
    try:
        from_bpmn(data)
    except DocumentRefused as refusal:
        raise Invalid("The file was not taken.", fields={"file": [str(refusal)]}) from None
    return documented(process, seen, steps=[], bpmn=as_text(data))


@transaction.atomic
def documented(process: Process, seen: int | None, *, steps: list[Any], bpmn: str) -> Process:
    row = Process.lock(process.pk)
    refuse_changed(row, seen)
    row.steps, row.bpmn = steps, bpmn
    row.save()
    record(
        type="readiness.document_imported", object=row,
        after={"steps": len(steps), "bpmn": bool(bpmn)},
    )  # fmt: skip
    return row
