"""What binds members to a motion: read from the records, declared, or found by the others."""

from __future__ import annotations

from collections.abc import Sequence

from apps.access.models import User
from apps.access.queries import chains_of_command
from apps.council.models import Declaration, Motion, Question
from apps.council.queries.seats import TiesOf
from apps.council.rules import Ties
from apps.council.states import QuestionKind, QuestionStatus


def ties_for(motions: Sequence[Motion]) -> TiesOf:
    """One reading for all the motions. Whom an incident is about comes with the incidents."""
    declared = {
        (row.motion_id, row.user_id): row for row in Declaration.objects.filter(motion__in=motions)
    }
    upheld = Question.objects.filter(
        motion__in=motions, kind=QuestionKind.IMPARTIAL, status=QuestionStatus.YES
    )
    partial = {(row.motion_id, row.about_id): row.reason for row in upheld}
    owners = {motion.agent.owner_id for motion in motions if motion.agent is not None}
    above = chains_of_command(owners) if owners else {}

    def ties_of(user: User, motion: Motion) -> Ties:
        agent, version = motion.agent, motion.version
        said = declared.get((motion.pk, user.pk))
        return Ties(
            owns_agent=agent is not None and agent.owner_id == user.pk,
            created_agent=agent is not None and agent.created_by_id == user.pk,
            wrote_text=version is not None and version.author_id == user.pk,
            manages_owner=agent is not None and user.pk in above.get(agent.owner_id, ()),
            found_partial=partial.get((motion.pk, user.pk), ""),
            declared=said.reason if said and not said.away else "",
            away=said.reason if said and said.away else "",
        )

    return ties_of
