from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.common.errors import Absent
from apps.council.models import Ballot, Comment, Elector, Motion, Question
from apps.council.states import OPEN, MotionStatus, ObjectionStatus, QuestionStatus

SHOWN = 50


def motion(reader: User, number: int) -> Motion:
    if not holds(reader, "council.view"):
        raise Absent
    rows = Motion.objects.select_related("proposer", "seconder", "version__policy", "agent__owner")
    found = rows.filter(number=number).first()
    if found is None:
        raise Absent
    return found


@dataclass(frozen=True)
class Row:
    """A motion for the list: how far it is, and what the reader owes it."""

    motion: Motion
    cast: int
    eligible: int
    owed: bool


def decisions(
    reader: User, *, view: str = "open", kind: str = "", before: int | None = None
) -> list[Row]:
    """Motions for the list, newest first; a page at a time by number."""
    if not holds(reader, "council.view"):
        return []
    rows = Motion.objects.select_related("proposer")
    if view == "open":
        rows = rows.filter(status__in=OPEN)
    elif view == "mine":
        rows = rows.filter(pk__in=owed(reader).values("pk"))
    elif view == "past":
        rows = rows.exclude(status__in=OPEN)
    if kind:
        rows = rows.filter(kind=kind)
    if before is not None:
        rows = rows.filter(number__lt=before)
    page = list(rows.order_by("-number")[: SHOWN + 1])
    return rows_of(reader, page)


def rows_of(reader: User, motions: Sequence[Motion]) -> list[Row]:
    electors = Elector.objects.filter(motion__in=motions, round=F("motion__round"))
    eligible = dict(
        electors.filter(recused=False).values_list("motion").annotate(number=Count("pk")).order_by()
    )
    voters = Ballot.objects.filter(motion__in=motions, round=F("motion__round"), void=False)
    cast = dict(
        voters.values_list("motion").annotate(number=Count("user", distinct=True)).order_by()
    )
    mine = set(owed(reader).values_list("pk", flat=True))
    return [
        Row(each, cast.get(each.pk, 0), eligible.get(each.pk, 0), each.pk in mine)
        for each in motions
    ]


def owed(reader: User) -> QuerySet[Motion]:
    """Open ballots in which the reader may vote and has not."""
    may = Elector.objects.filter(user=reader, recused=False, round=F("motion__round"))
    voted = Ballot.objects.filter(user=reader, void=False, round=F("motion__round"))
    return Motion.objects.filter(status=MotionStatus.BALLOT, pk__in=may.values("motion")).exclude(
        pk__in=voted.values("motion")
    )


def comments(motion: Motion) -> list[Comment]:
    return list(Comment.objects.filter(motion=motion).order_by("at", "pk")[:500])


def open_objections(motion: Motion) -> int:
    return Comment.objects.filter(motion=motion, status=ObjectionStatus.OPEN).count()


def rivals(motion: Motion) -> list[Motion]:
    """Other open motions on the same thing: the first in effect makes the others be rebased."""
    if motion.status not in OPEN or not motion.subject:
        return []
    rows = Motion.objects.filter(subject=motion.subject, status__in=OPEN).exclude(pk=motion.pk)
    return list(rows.order_by("number")[:20])


def questions(motion: Motion) -> list[Question]:
    """What members decide among themselves about the motion, with the hands that are up."""
    rows = Question.objects.filter(motion=motion).select_related("motion", "about", "put_by")
    return list(rows.prefetch_related("answers").order_by("put_at", "pk"))


def owes_hand(reader: User, question: Question) -> bool:
    """Whether the reader is asked and has not answered."""
    if question.status != QuestionStatus.OPEN or reader.pk not in question.asked:
        return False
    return all(hand.user_id != reader.pk for hand in question.answers.all())


def escalated_objections() -> list[Comment]:
    """Objections whose answer was not accepted, on motions that are still open."""
    rows = Comment.objects.filter(status=ObjectionStatus.ESCALATED, motion__status__in=OPEN)
    return list(rows.select_related("motion").order_by("at")[:SHOWN])


def open_motions() -> list[Motion]:
    rows = Motion.objects.filter(status__in=OPEN).select_related("agent", "version", "proposer")
    return list(rows.order_by("number")[:SHOWN])
