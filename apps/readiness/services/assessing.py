"""An assessment: asked for by a person, measured by a worker, bound by a digest to its inputs."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.readiness.mining.results import LogRefused
from apps.readiness.models import Assessment, Interview, Log, Process, System
from apps.readiness.queries.assessments import newest_of_all
from apps.readiness.queries.processes import counting, newest_tables
from apps.readiness.queries.weights import in_force
from apps.readiness.services import levels, logs, work
from apps.readiness.services.keepers import require_keeper
from apps.readiness.states import Undo

ASSESS = "apps.readiness.tasks.assess"


@transaction.atomic
def ask_for_assessment(
    *,
    actor: User,
    process: Process,
    log: Log | None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Assessment:
    """Queues a measurement by one log, or without any by what is attested alone. One over a part
    of the time is for comparing and never moves the process's level."""
    require_keeper(actor, process)
    if log is not None and (log.process_id != process.pk or not log.ready):
        raise Invalid(
            "Choose a log of this process that was read.", fields={"log": ["Choose one."]}
        )
    if log is None and counting(process) is None:
        raise Invalid(
            "There is nothing to measure by: no log was chosen, and no answers are countersigned.",
            fields={"log": ["Choose a log, or answer the questionnaire."]},
        )
    if since and until and since >= until:
        raise Invalid("The period ends before it begins.", fields={"until": ["Later than From."]})
    row = Assessment(
        process=process,
        log=log,
        since=since,
        until=until,
        asked_by_id=actor.pk,
        asked_by_label=str(actor),
        created_at=now(),
    )
    save_numbered(row)
    record(
        type="readiness.assessment_asked",
        object=row,
        after={"process": process.slug, "log": log.reference if log else "", "since": since,
               "until": until},
    )  # fmt: skip
    work.ring_later(ASSESS, row)
    return row


def cancel_assessment(*, actor: User, assessment: Assessment) -> None:
    require_keeper(actor, assessment.process)
    if not work.cancel(assessment):
        raise Conflict("It has ended already.")


def assess(pk: uuid.UUID) -> None:
    """Measures a queued assessment, if nobody else does."""
    work.work_on(Assessment, pk, assess_in)


def assess_in(row: Assessment, tell: work.Teller) -> None:
    from apps.readiness import measuring

    moment, known, inputs = now(), *gathered(row.process)
    log = None
    if row.log is not None:
        tell.stretch(0.0, 0.05, "Opening the log")
        log = measuring.part(logs.opened(row.log), row.since, row.until)
        inputs["log"] = {"reference": row.log.reference, "sha256": row.log.sha256}
    inputs["measured_at"] = moment.isoformat()
    found = measuring.measure(known, log, moment, tell.stretch, tell)
    scored, value = found.score, found.value
    with transaction.atomic():
        ended = work.finish(
            row,
            act="readiness.assessed",
            after={
                "process": row.process.slug,
                "level": scored.level,
                "readiness": f"{scored.readiness:.4f}",
                "low": f"{scored.low:.4f}",
                "digest": digest({"inputs": inputs, "results": found.results}),
            },
            inputs=inputs,
            results=found.results,
            digest=digest({"inputs": inputs, "results": found.results}),
            readiness=scored.readiness,
            low=scored.low,
            high=scored.high,
            hours=value.hours if value else None,
            level=scored.level,
            blocked=[gate.name for gate in scored.blocked],
            grades="".join(each.grade for each in scored.dimensions),
            dimensions=found.results["score"]["dimensions"],
            value=found.results["value"],
        )
        if ended:
            levels.take_up(row)
            rank_all()


def rank_all() -> None:
    """Where each process stands among all, as values and weights vary: 1 is the readiest."""
    from apps.readiness.mining.results import Dimension
    from apps.readiness.mining.score import rank_ranges

    rows = {str(row.pk): row for row in newest_of_all().only("pk", "dimensions")}
    portfolio = {key: [Dimension(**each) for each in row.dimensions] for key, row in rows.items()}
    for key, (low, high) in rank_ranges(portfolio, in_force()).items():
        Assessment.objects.filter(pk=rows[key].pk).update(rank_low=low, rank_high=high)


def gathered(process: Process) -> tuple[Any, dict[str, Any]]:
    """What the inventory knows at this moment, for the measurement, and as the record of it."""
    from apps.readiness.measuring import Known
    from apps.readiness.mining.results import SystemFact

    interview, tables = counting(process), newest_tables(process)
    rules = list(process.rules.order_by("pk"))
    facts = tuple(
        SystemFact(each.name, each.sanctioned, each.access, str(each.owner or ""))
        for each in System.objects.select_related("owner").order_by("name")
    )
    activities = tuple(
        (each.name, each.severity, each.undo == Undo.TESTED, each.undo == Undo.NONE, each.guarded)
        for each in process.activities.order_by("name")
    )
    try:
        known = Known(
            lawful=bool(process.lawful_basis.strip()) and not process.prohibited,
            owned=process.owner_id is not None,
            procedure_on=process.procedure_on,
            escalation=bool(process.escalation.strip()),
            reviewers=process.reviewer_hours > 0,
            volume=three(process.volume),
            minutes=three(process.minutes),
            steps=process.steps,
            bpmn=process.bpmn,
            systems=facts,
            activities=activities,
            decision_rules=tuple(each.body for each in rules if each.kind == "decision"),
            case_rules=tuple(
                {"kind": each.kind, **each.body} for each in rules if each.kind != "decision"
            ),
            critical_fields=tuple(process.critical_fields),
            tables=tuple(
                (float(each.quality["score"]), float(each.quality["score_low"]), each.rows)
                for each in tables
                if each.quality.get("score") is not None
            ),
            attested=attested(interview),
            weights=in_force(),
        )
    except (TypeError, ValueError) as error:
        raise LogRefused(f"The inventory of this process cannot be used: {error}") from error
    inputs = {
        "inventory": digest({name: getattr(known, name) for name in INVENTORY} | {
            "systems": [[fact.name, fact.sanctioned, fact.access] for fact in facts],
        }),
        "tables": [{"reference": each.reference, "sha256": each.sha256} for each in tables],
        "interview": interview.reference if interview else "",
        "weights": dict(known.weights),
    }  # fmt: skip
    return known, inputs


INVENTORY = (
    "lawful", "owned", "procedure_on", "escalation", "reviewers", "volume", "minutes", "steps",
    "bpmn", "activities", "decision_rules", "case_rules", "critical_fields",
)  # fmt: skip


def three(numbers: list[Any]) -> tuple[float, float, float] | None:
    if not numbers:
        return None
    low, likely, high = (float(each) for each in numbers)
    return low, likely, high


def attested(interview: Interview | None) -> Mapping[str, float]:
    from apps.readiness.questions import values

    return values(interview.answers) if interview else {}
