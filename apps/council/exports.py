"""A decision as one document: what was voted on, by whom, how, why, and what came of it."""

from __future__ import annotations

from typing import Any

from apps.access.models import User
from apps.common.canonical import plain
from apps.council.models import Answer, Ballot, Comment, Elector, Motion, Question
from apps.council.states import MotionStatus


def record_of(reader: User, motion: Motion) -> dict[str, Any]:
    """Everything on record about the motion. While a ballot is open, the reader's own votes only:
    the tally is not to be had by another door."""
    ballots = Ballot.objects.filter(motion=motion).select_related("user").order_by("cast_at", "pk")
    if motion.status == MotionStatus.BALLOT:
        ballots = ballots.exclude(round=motion.round) | ballots.filter(user=reader)
    return plain(  # type: ignore[no-any-return]
        {
            "motion": motion.reference,
            "title": motion.title,
            "kind": motion.kind,
            "class": motion.klass,
            "status": motion.status,
            "rationale": motion.rationale,
            "proposed_by": str(motion.proposer),
            "seconded_by": str(motion.seconder or ""),
            "proposed_at": motion.created_at,
            "ballot_opened_at": motion.ballot_opened_at,
            "closed_at": motion.closed_at,
            "effective_at": motion.effective_at,
            "result": motion.result,
            "outcome": motion.outcome_note,
            "packet_digest": motion.packet_digest,
            "packet": motion.packet,
            "electorate": [elector(row) for row in electors_of(motion)],
            "ballots": [ballot(row) for row in ballots],
            "comments": [comment(row) for row in motion.comments.order_by("at", "pk")],
            "questions": [question(row) for row in motion.questions.order_by("put_at", "pk")],
        }
    )


def electors_of(motion: Motion) -> list[Elector]:
    return list(motion.electors.select_related("sits_for").order_by("round", "pk"))


def elector(row: Elector) -> dict[str, Any]:
    return {
        "round": row.round,
        "seat": row.label,
        "department": row.affiliation,
        "recused": row.recusal_reason,
        "sits_for": str(row.sits_for or ""),
        "because": row.sits_because,
    }


def ballot(row: Ballot) -> dict[str, Any]:
    return {
        "round": row.round,
        "member": str(row.user),
        "choice": row.choice,
        "reason": row.reason,
        "at": row.cast_at,
        "packet_digest": row.packet_digest,
        "void": row.void,
    }


def comment(row: Comment) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "by": row.author_label,
        "at": row.at,
        "text": row.text,
        "status": row.status,
        "answer": row.answer,
        "answer_kind": row.answer_kind,
        "answered_by": row.answered_by_label,
        "packet_digest": row.packet_digest,
    }


def question(row: Question) -> dict[str, Any]:
    hands = Answer.objects.filter(question=row).order_by("at", "pk")
    return {
        "question": str(row),
        "put_by": str(row.put_by),
        "reason": row.reason,
        "at": row.put_at,
        "status": row.status,
        "outcome": row.outcome_note,
        "answers": [{"by": hand.label, "yes": hand.yes, "reason": hand.reason} for hand in hands],
    }
