"""Which assessments count, and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from apps.readiness.models import Assessment, Process
from apps.readiness.states import Level, WorkStatus


def whole() -> QuerySet[Assessment]:
    """Finished ones over all of a log: one over a part of the time compares, and no more."""
    return Assessment.objects.filter(status=WorkStatus.READY, since=None, until=None)


def newest(process: Process) -> Assessment | None:
    """The assessment of the process that counts."""
    return whole().filter(process=process).order_by("-created_at", "-id").first()


def newest_of_all() -> QuerySet[Assessment]:
    """The assessment that counts of each process, without what was found in detail."""
    own = whole().filter(process=OuterRef("pk")).order_by("-created_at", "-id").values("pk")[:1]
    keys = Process.objects.annotate(counts=Subquery(own)).values("counts")
    return Assessment.objects.filter(pk__in=keys).defer("results", "inputs")


def higher_waits(process: Process, counts: Assessment | None) -> bool:
    """Whether the assessment that counts found a level that only the council can let hold."""
    return counts is not None and counts.level > max(process.level, Level.NOT_YET)


def assessments_of(process: Process) -> QuerySet[Assessment]:
    return Assessment.objects.filter(process=process).defer("results", "inputs")


@dataclass(frozen=True)
class Change:
    """One thing in two assessments; `step` is how much it moved, where that is a number."""

    name: str
    before: Any
    after: Any
    step: float | None = None


def dimension_changes(before: Assessment, after: Assessment) -> list[Change]:
    old = {each["name"]: each for each in before.dimensions}
    return [
        Change(each["name"], old.get(each["name"]), each, moved(old.get(each["name"]), each))
        for each in after.dimensions
    ]


def moved(before: dict[str, Any] | None, after: dict[str, Any]) -> float | None:
    return after["value"] - before["value"] if before else None


def step_changes(before: Assessment, after: Assessment) -> list[Change]:
    """How often each step comes per case, in both; the largest difference first."""
    old, new = rates(before), rates(after)
    found = [
        Change(name, old.get(name), new.get(name), new.get(name, 0.0) - old.get(name, 0.0))
        for name in sorted({*old, *new})
    ]
    return sorted(found, key=lambda each: -abs(each.step or 0.0))


def rates(row: Assessment) -> dict[str, float]:
    graph = row.results.get("graph") or {}
    cases = graph.get("cases") or 1
    return {step["activity"]: step["count"] / cases for step in graph.get("steps", [])}


def edge_changes(before: Assessment, after: Assessment, most: int = 20) -> list[Change]:
    """The ways from step to step that came, went or changed most, as shares of the cases."""
    old, new = ways(before), ways(after)
    found = [
        Change(
            f"{source} → {target}", old.get((source, target)), new.get((source, target)),
            new.get((source, target), 0.0) - old.get((source, target), 0.0),
        )
        for source, target in sorted({*old, *new})
    ]  # fmt: skip
    return sorted(found, key=lambda each: -abs(each.step or 0.0))[:most]


def ways(row: Assessment) -> dict[tuple[str, str], float]:
    graph = row.results.get("graph") or {}
    cases = graph.get("cases") or 1
    return {(e["source"], e["target"]): e["cases"] / cases for e in graph.get("edges", [])}
