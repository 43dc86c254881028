"""Who is told what of motions and measures, inside the transaction in which it happens; how it
reaches people (page, mail, webhook) is for `notices`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holders
from apps.approvals import notices
from apps.council.models import Elector, Measure, Motion, Question
from apps.council.queries.seats import live_seats
from apps.council.rules import POWERS
from apps.council.states import Kind, MeasureKind, MotionStatus
from apps.registry.models import Agent
from apps.registry.queries import live_grants

MOST_AGENTS = 500


def members() -> list[User]:
    return [seat.user for seat in live_seats()]


def alternates() -> list[User]:
    return [seat.alternate for seat in live_seats() if seat.alternate is not None]


def owners(motion: Motion) -> list[User]:
    """Who answers for the agents that the motion touches: its own agent, or those that may use a
    tool of which the text decides otherwise."""
    if motion.agent is not None:
        return [motion.agent.owner]
    analysis = motion.packet.get("analysis") or {}
    parts = [*analysis.get("changes", []), *analysis.get("skipped", [])]
    return owners_using({part["tool"] for part in parts})


def owners_using(tools: Iterable[str]) -> list[User]:
    """Owners of the agents with a permission for one of the tools."""
    grants = live_grants().filter(tool__name__in=list(tools)).values("agent")
    agents = Agent.objects.filter(pk__in=grants).select_related("owner").order_by("pk")
    return [agent.owner for agent in agents[:MOST_AGENTS]]


def tell(motion: Motion, users: Iterable[User], words: str, *, urgent: bool = False) -> None:
    people = {user.pk: user for user in users if user.is_active}
    if people:
        notices.tell(
            users=people.values(),
            title=f"{words}: {motion}",
            url=reverse("council:motion", args=[motion.number]),
            urgent=urgent,
        )


def in_review(motion: Motion) -> None:
    """What an emergency asks goes to the vote at once, and has its own notice."""
    if motion.kind == Kind.RATIFY:
        return
    tell(motion, [*members(), *alternates()], "In review")
    tell(motion, owners(motion), "The council reviews what concerns your agents")


def in_ballot(motion: Motion) -> None:
    electors = Elector.objects.filter(motion=motion, round=motion.round).select_related("user")
    tell(motion, [elector.user for elector in electors if not elector.recused], "Your vote")
    tell(motion, owners(motion), "The council votes on what concerns your agents")


def adopted(motion: Motion) -> None:
    day = f"{motion.effective_at:%d %b %Y, %H:%M} UTC" if motion.effective_at else "soon"
    tell(motion, [*owners(motion), motion.proposer], f"Adopted; in effect on {day}")


def to_members(motion: Motion, words: str) -> None:
    tell(motion, [*members(), *owners(motion), motion.proposer], words, urgent=True)


def to_the_concerned(motion: Motion, words: str) -> None:
    tell(motion, [*owners(motion), motion.proposer], words)


def no_quorum(motion: Motion) -> None:
    words = "No quorum; who is away names their alternate before the second ballot"
    tell(motion, [*members(), *alternates()], words)


MOVED: dict[str, Callable[[Motion], None]] = {
    MotionStatus.COMMENT: in_review,
    MotionStatus.BALLOT: in_ballot,
    MotionStatus.INQUORATE: no_quorum,
    MotionStatus.WAITING: adopted,
    MotionStatus.STOPPED: partial(to_members, words="Stopped before it took effect"),
    MotionStatus.ADOPTED: partial(to_members, words="Adopted, but it could not take effect"),
    MotionStatus.ESCALATED: partial(to_members, words="Too few may vote; escalated"),
    MotionStatus.EFFECTIVE: partial(to_the_concerned, words="In effect"),
    MotionStatus.DEFEATED: partial(to_the_concerned, words="Not adopted"),
    MotionStatus.VETOED: partial(to_the_concerned, words="Vetoed"),
    MotionStatus.WITHDRAWN: partial(to_the_concerned, words="Withdrawn"),
}


def moved(motion: Motion) -> None:
    """What a move of the motion means to whom."""
    if motion.status in MOVED:
        MOVED[motion.status](motion)


def asked(question: Question) -> None:
    """Members who are asked among themselves."""
    people = User.objects.filter(pk__in=question.asked, is_active=True)
    tell(question.motion, people, str(question))


def measured(measure: Measure, words: str) -> None:
    """An emergency measure and its end concern the council, whoever may take measures, and the
    owners of what is stopped."""
    people = {user.pk: user for user in [*members(), *owners_of(measure)] if user.is_active}
    notices.tell(
        users=people.values(),
        title=f"{words}: {measure}",
        url=reverse("council:measure", args=[measure.number]),
        urgent=True,
    )


def powers(measure: Measure) -> None:
    """Whoever may second an emergency measure is asked at once."""
    able = live_seats().filter(function__in=POWERS).exclude(user=measure.asked_by_id)
    notices.tell(
        users=[seat.user for seat in able],
        title=f"A second person is needed: {measure}",
        url=reverse("council:measure", args=[measure.number]),
        urgent=True,
    )


def owners_of(measure: Measure) -> list[User]:
    if measure.kind == MeasureKind.DENY_TOOL:
        return owners_using([measure.target])
    if measure.kind in (MeasureKind.SUSPEND_AGENT, MeasureKind.REVIEW_AGENT):
        agents = Agent.objects.filter(slug=measure.target).select_related("owner")
        return [agent.owner for agent in agents]
    return list(holders("agents.suspend"))
