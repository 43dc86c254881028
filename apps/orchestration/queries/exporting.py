"""Runs as an event log: what agents did and what people decided, a chunk of runs at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from apps.approvals.models import Edit, Vote
from apps.approvals.states import Choice
from apps.orchestration.models import Run, Step
from apps.orchestration.states import StepStatus
from apps.registry.models import Tool
from apps.runtime.models import Action

CHUNK = 200
COUNCIL = "council"
DONE = (
    StepStatus.SUCCEEDED, StepStatus.COMPENSATING, StepStatus.COMPENSATED,
    StepStatus.COMPENSATION_FAILED,
)  # fmt: skip
# Nothing was done, or the person's answer says what became of it.
SILENT = (StepStatus.SKIPPED, StepStatus.CANCELLED, StepStatus.REJECTED, StepStatus.RETURNED)
DECIDED = {
    Choice.APPROVE: "Approved by a person",
    Choice.REJECT: "Rejected by a person",
    Choice.RETURN: "Sent back by a person",
}
EDITED = "Edited by a person"


@dataclass(frozen=True)
class Event:
    """A row of the file; the names are those that the reader of logs knows columns by. `outcome`
    stands on a run's last event alone, so that nothing before could be explained by it."""

    case: str
    activity: str
    started_at: dt.datetime | None
    at: dt.datetime
    resource: str
    team: str
    system: str
    workflow: str
    outcome: str = ""


COLUMNS = tuple(Event.__dataclass_fields__)


def events(found: QuerySet[Run], *, until: dt.datetime) -> Iterator[Event]:
    """Of all these runs that were there at `until`, in the order of their numbers; what ended
    later is left out. Five questions a chunk."""
    titles = dict(Tool.objects.values_list("name", "title"))
    rows = found.filter(created_at__lte=until).order_by("number")
    after = 0
    while chunk := list(rows.filter(number__gt=after)[:CHUNK]):
        after = chunk[-1].number
        yield from of_chunk(chunk, titles, until)


def of_chunk(chunk: Sequence[Run], titles: dict[str, str], until: dt.datetime) -> Iterator[Event]:
    runs = {run.pk: run for run in chunk}
    own: dict[object, list[Event]] = {pk: [] for pk in runs}
    steps = Step.objects.filter(run__in=runs, ended_at__lte=until).exclude(status__in=SILENT)
    for step in steps.select_related("agent__sponsor").order_by("ended_at", "pk"):
        if step.ended_at is not None:
            own[step.run_id].append(of_step(step, step.ended_at, runs[step.run_id], titles))
    questions = Action.objects.filter(run_id__in=runs, approval_id__isnull=False)
    asked = {pk: runs[run] for pk, run in questions.values_list("pk", "run_id") if run}
    votes = Vote.objects.filter(request__action_ref__in=asked, void=False, cast_at__lte=until)
    for vote in votes.select_related("request", "voter__department").order_by("cast_at", "pk"):
        run = asked[vote.request.action_ref]
        team = vote.voter.department.name if vote.voter.department else ""
        own[run.pk].append(
            by_person(run, DECIDED[Choice(vote.choice)], vote.cast_at, vote.voter_label, team)
        )
    edits = Edit.objects.filter(request__action_ref__in=asked, made_at__lte=until)
    for edit in edits.select_related("request", "editor__department").order_by("made_at", "pk"):
        run = asked[edit.request.action_ref]
        team = edit.editor.department.name if edit.editor.department else ""
        own[run.pk].append(by_person(run, EDITED, edit.made_at, edit.editor_label, team))
    for run in chunk:
        lines = sorted(own[run.pk], key=lambda event: event.at)
        if lines and run.ended_at is not None and run.ended_at <= until:
            lines[-1] = replace(lines[-1], outcome=run.outcome or run.status)
        yield from lines


def of_step(step: Step, at: dt.datetime, run: Run, titles: dict[str, str]) -> Event:
    name = titles.get(step.tool, step.tool)
    if step.compensates_id is not None:
        name = f"Undo: {name}"
    if step.status not in DONE:
        name = f"{name} ({StepStatus(step.status).label.lower()})"
    return Event(
        case=run.reference,
        activity=name,
        started_at=step.started_at,
        at=at,
        resource=step.agent.name,
        team=step.agent.sponsor.name,
        system=step.tool.partition(".")[0],
        workflow=run.workflow.title,
    )


def by_person(run: Run, activity: str, at: dt.datetime, who: str, team: str) -> Event:
    return Event(run.reference, activity, None, at, who, team, COUNCIL, run.workflow.title)
