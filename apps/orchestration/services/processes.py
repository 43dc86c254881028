"""What the runs of agents say about the readiness of the process that they belong to."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from django.db.models import Count, Exists, OuterRef, Q

from apps.common.clock import now
from apps.orchestration.models import Run, Step, Workflow
from apps.orchestration.states import RunStatus
from apps.readiness.services import live

HOW = {
    "well": RunStatus.SUCCEEDED,
    "failed": RunStatus.FAILED,
    "stuck": RunStatus.STUCK,
    "rolled_back": RunStatus.ROLLED_BACK,
    "cancelled": RunStatus.CANCELLED,
}


def tell_readiness() -> int:
    """Counts the runs of every workflow that names a process, by the month in which they began. A
    run belongs to the process that its workflow names now. Idempotent."""
    named = list(Workflow.objects.exclude(process="").values_list("pk", "process"))
    return sum(
        live.tell(month=month, found=ends_in(month, named)) for month in live.months_to_count(now())
    )


def ends_in(month: dt.date, named: list[tuple[int, str]]) -> dict[str, live.Ends]:
    if not named:
        return {}
    begin = dt.datetime.combine(month, dt.time(), dt.UTC)
    end = (begin + dt.timedelta(days=32)).replace(day=1)
    asked = Step.objects.filter(run=OuterRef("pk"), approval_ref__isnull=False)
    rows = (
        Run.objects.filter(created_at__gte=begin, created_at__lt=end)
        .filter(workflow__in=[pk for pk, _ in named])
        .alias(was_asked=Exists(asked))
        .values("workflow")
        .annotate(
            runs=Count("pk"),
            asked=Count("pk", filter=Q(was_asked=True)),
            **{name: Count("pk", filter=Q(status=status)) for name, status in HOW.items()},
        )
        .order_by()
    )
    process_of = dict(named)
    found: dict[str, live.Ends] = {}
    for row in rows:
        slug = process_of[row["workflow"]]
        before = asdict(found.get(slug, live.Ends()))
        sums = {name: number + row[name] for name, number in before.items()}  # type: ignore[literal-required]
        found[slug] = live.Ends(**sums)
    return found
