"""Two agents that want different things of the same field (runtime.md 4.6.5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from apps.common.canonical import plain
from apps.common.clock import now
from apps.ledger.services import record
from apps.orchestration.models import FieldWrite, Step
from apps.orchestration.rules import compared, outranks
from apps.orchestration.services.leases import give_back, ranks_of
from apps.orchestration.states import CLEARED, CONTRADICTION, Kind, StepStatus
from apps.runtime import gate
from apps.runtime.rules import Outcome
from apps.runtime.toolbox import counted, only_reads


def note(step: Step, keys: Iterable[str], outcome: Outcome) -> None:
    """Remembers who wrote which field of what, in the transaction of the effect."""
    if outcome.status != "done" or only_reads(step.tool):
        return
    if step.compensates_id:
        FieldWrite.objects.filter(step=step.compensates_id).delete()
        return
    moment = now()
    rows = [
        FieldWrite(
            key=key, field=field[:60], value=plain(value), agent_id=step.agent_id, step=step,
            at=moment,
        )
        for key in keys
        for field, value in outcome.after.items()
    ]  # fmt: skip
    FieldWrite.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["key", "field"],
        update_fields=["value", "agent", "step", "at"],
    )


def recent(step: Step) -> list[FieldWrite]:
    """What another agent wrote to the same within the window, in another run: the steps of one
    run follow a plan and do not contradict each other."""
    window = dt.timedelta(seconds=settings.COUNCIL["CONTRADICTION_SECONDS"])
    found = FieldWrite.objects.filter(key__in=list(step.fences), at__gt=now() - window)
    found = found.exclude(agent=step.agent_id).exclude(step__run=step.run_id)
    return list(found.select_related("step__run", "agent").order_by("at"))


def settled(step: Step, arguments: Mapping[str, Any]) -> bool:
    """True where the step needs no call: it was superseded, it would change nothing, or a person
    has to say who is right. The step holds its resources, so what is found stays true."""
    if step.code == CLEARED or only_reads(step.tool):
        return False
    writes = recent(step)
    preview = gate.foreseen(tool=step.tool, arguments=arguments) if writes else None
    if preview is None:
        return False
    counts = counted(step.tool)
    written = {row.field: row.value for row in writes if row.field not in counts}
    before, after = plain(preview.before), plain(preview.after)
    how = compared(before, after, written)
    if how == "other":
        rival = next(
            row for row in reversed(writes) if after.get(row.field, row.value) != row.value
        )
        return yields(step, rival)
    return how == "same" and agree(step, writes[-1])


def yields(step: Step, rival: FieldWrite) -> bool:
    ranks = ranks_of([step.agent_id, rival.agent_id])
    plain_rank = (0, Kind.BUSINESS.value)
    mine, theirs = (ranks.get(pk, plain_rank) for pk in (step.agent_id, rival.agent_id))
    first = outranks(mine, theirs)
    if first:
        return False
    words = f"{rival.agent} has just set {rival.field} otherwise ({rival.step.run.reference})"
    if first is None:
        asked = f"{words}, and neither goes before the other. Who is right?"
        give_back(step, StepStatus.READY, code=CONTRADICTION, error=asked, attempt=step.attempt - 1)
    elif give_back(
        step, StepStatus.SKIPPED, code="superseded", error=f"{words} and goes first.",
        ended_at=now(),
    ):  # fmt: skip
        record(
            type="step.superseded",
            object=step,
            outcome="denied",
            reason=f"{words} and goes first.",
            run_id=step.run_id,
        )
    return True


def agree(step: Step, twin: FieldWrite) -> bool:
    """The value is there already: a success without writing, with what the other call answered."""
    result = twin.step.result if twin.step.tool == step.tool else {}
    words = f"{twin.agent} has just done the same ({twin.step.run.reference})."
    if give_back(
        step, StepStatus.SUCCEEDED, code="already_so", result=result, note=words, ended_at=now()
    ):
        record(type="step.already_so", object=step, reason=words, run_id=step.run_id)
    return True
