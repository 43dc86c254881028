"""The weights of the eight dimensions, and what others would do to the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.readiness.mining.weights import WEIGHTS
from apps.readiness.models import Assessment, Weights
from apps.readiness.queries.assessments import newest_of_all

MOST = 200


def in_force() -> Mapping[str, float]:
    """What the council set, or the proposal of the design where it has set nothing."""
    row = Weights.objects.order_by("pk").first()
    return {name: float(row.values[name]) for name in WEIGHTS} if row else WEIGHTS


@dataclass(frozen=True)
class Rescored:
    """A process by the weights in force and by others: its readiness, the lower bound that the
    level rests on, and the level. The codes are those of the words for levels."""

    slug: str
    name: str
    assessment: str
    before: float
    after: float
    low_before: float
    low_after: float
    level_before: int
    level_after: int
    level_before_code: str
    level_after_code: str
    blocked: bool


def rescored(values: Mapping[str, float]) -> list[Rescored]:
    """The newest whole measurement of every process, scored anew out of the dimensions that it
    kept; nothing is measured again. Processes in the order of their names."""
    from apps.readiness.mining.results import Dimension, Gate
    from apps.readiness.mining.score import score

    fields = ("process__slug", "process__name", "number", "results__score")
    rows = newest_of_all().order_by("process__name")
    now, found = in_force(), []
    for slug, name, number, kept in rows.values_list(*fields)[:MOST]:
        dimensions = [Dimension(**each) for each in kept["dimensions"]]
        gates = [Gate(**each) for each in kept["gates"]]
        before, after = score(dimensions, gates, now), score(dimensions, gates, values)
        found.append(
            Rescored(
                slug=slug,
                name=name,
                assessment=f"{Assessment.PREFIX}-{number}",
                before=before.readiness,
                after=after.readiness,
                low_before=before.low,
                low_after=after.low,
                level_before=before.level,
                level_after=after.level,
                level_before_code=str(before.level),
                level_after_code=str(after.level),
                blocked=bool(before.blocked),
            )
        )
    return found
