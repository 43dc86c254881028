"""The questionnaire: answered by who owns or keeps a process, countersigned by the council."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.readiness import questions
from apps.readiness.models import Interview, Process
from apps.readiness.services.keepers import require_keeper
from apps.readiness.states import InterviewStatus


def answer(
    *, actor: User, process: Process, answers: Mapping[str, int], remarks: Mapping[str, str]
) -> Interview:
    """Hands in answers; they count once somebody of the council countersigns them. Those that
    still waited are superseded."""
    require_keeper(actor, process)
    if wrong := questions.problems(answers):
        raise Invalid("Some questions are not answered.", fields=wrong)
    with transaction.atomic():
        Process.lock(process.pk)
        supersede(process, InterviewStatus.ANSWERED)
        row = Interview(
            process=process,
            answers={key: answers[key] for key in sorted(questions.KEYS)},
            remarks={key: words.strip()[:500] for key, words in remarks.items() if words.strip()},
            answered_by=actor,
            answered_at=now(),
        )
        try:
            save_numbered(row)
        except IntegrityError:
            raise Conflict("Somebody else has just handed in answers.") from None
        record(type="readiness.interview_answered", object=row, after={"process": process.slug})
    return row


def supersede(process: Process, status: InterviewStatus) -> None:
    """Others take the place of the answers of this status; at most one row has it."""
    row = Interview.objects.filter(process=process, status=status).first()
    if row is None:
        return
    if Interview.objects.filter(pk=row.pk, status=status).update(status=InterviewStatus.SUPERSEDED):
        record(type="readiness.interview_superseded", object=row, after={"was": status})


@permitted("readiness.accept")
def judge(*, actor: User, interview: Interview, right: bool, reason: str) -> Interview:
    """Countersigns the answers, or sends them back with a reason. Not by who answered."""
    if actor.pk == interview.answered_by_id:
        raise NotPermitted("Somebody other than who answered countersigns.")
    if not right and not reason.strip():
        raise Invalid("Say why they are sent back.", fields={"reason": ["Say why."]})
    status = InterviewStatus.COUNTERSIGNED if right else InterviewStatus.REFUSED
    with transaction.atomic():
        Process.lock(interview.process_id)
        if right:
            supersede(interview.process, InterviewStatus.COUNTERSIGNED)
        won = Interview.objects.filter(pk=interview.pk, status=InterviewStatus.ANSWERED).update(
            status=status, judged_by=actor, judged_at=now(), reason=reason.strip()
        )
        if not won:
            raise Conflict("Somebody judged these answers already.")
        interview.refresh_from_db()
        act = "countersigned" if right else "refused"
        record(
            type=f"readiness.interview_{act}", object=interview, reason=reason,
            after={"process": interview.process.slug},
        )  # fmt: skip
    return interview
