from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent
from apps.incidents.models import Group, ImportedRun, Signal

OBJECT = "incidents.importedrun"
LISTED = 200


@dataclass(frozen=True)
class GroupOfRuns:
    """One group of an import: how many runs, and how many of them people found harmful."""

    group: Group
    runs: int
    harmful: int
    judged: int


@dataclass(frozen=True)
class Batch:
    """`purity` is the share of the judged runs that carry their group's most frequent judgement
    (1.0: no group mixes harmful and harmless); None where nobody judged. `waiting` have no group
    yet."""

    key: uuid.UUID
    runs: int
    judged: int
    harmful: int
    waiting: int
    purity: float | None
    groups: list[GroupOfRuns] = field(default_factory=list)


def imported(reader: User) -> QuerySet[ImportedRun]:
    if not holds(reader, "incidents.view"):
        return ImportedRun.objects.none()
    return ImportedRun.objects.all()


def batches(reader: User) -> list[Any]:
    """The newest imports, with how many runs each brought."""
    rows = imported(reader).order_by().values("batch", "source", "imported_at", "imported_by_label")
    return list(rows.annotate(runs=Count("pk")).order_by("-imported_at")[:50])


def batch(reader: User, key: uuid.UUID) -> Batch:
    """Raises Absent for one that is not there."""
    rows = {str(row.pk): row for row in imported(reader).filter(batch=key).defer("steps")}
    if not rows:
        raise Absent
    placed: dict[uuid.UUID, list[ImportedRun]] = {}
    refs = list(rows)
    for start in range(0, len(refs), 500):
        told = Signal.objects.filter(object_type=OBJECT, object_id__in=refs[start : start + 500])
        for group_id, ref in told.values_list("group", "object_id"):
            placed.setdefault(group_id, []).append(rows[ref])
    groups = Group.objects.select_related("template", "incident").in_bulk(placed)
    found = [
        GroupOfRuns(
            group=groups[key_],
            runs=len(members),
            harmful=sum(bool(row.harmful) for row in members),
            judged=sum(row.harmful is not None for row in members),
        )
        for key_, members in placed.items()
    ]
    judged = sum(each.judged for each in found)
    agree = sum(max(each.harmful, each.judged - each.harmful) for each in found)
    return Batch(
        key=key,
        runs=len(rows),
        judged=sum(row.harmful is not None for row in rows.values()),
        harmful=sum(bool(row.harmful) for row in rows.values()),
        waiting=len(rows) - sum(len(members) for members in placed.values()),
        purity=agree / judged if judged else None,
        groups=sorted(found, key=lambda each: (-each.harmful, -each.runs))[:LISTED],
    )


def run_of(reader: User, pk: uuid.UUID) -> ImportedRun:
    found = imported(reader).filter(pk=pk).first()
    if found is None:
        raise Absent
    return found


def runs_in(reader: User, group: Group) -> list[ImportedRun]:
    refs = Signal.objects.filter(group=group, object_type=OBJECT).order_by("-at")
    keys = [uuid.UUID(ref) for ref in refs.values_list("object_id", flat=True)[:LISTED]]
    return list(imported(reader).filter(Q(pk__in=keys)).defer("steps").order_by("name"))
