"""Who sits: seats, alternates, and those who may not vote because of whom they manage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.access.services import set_manager
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council import queries
from apps.council.models import Elector, Motion, Seat
from apps.council.services import motions, proposals, sweeps
from apps.council.services.common import constitution
from apps.council.services.seats import name_alternate
from apps.council.services.ties import ties_for
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent, Tool
from tests.conftest import person
from tests.council.support import Council, closed, over, vote


@pytest.fixture
def standby(council: Council) -> User:
    """Of the department of security, with the right to sit and no seat."""
    home = council["security"].department
    assert home is not None
    return person(home, "standby", "council_member")


def named(council: Council, standby: User) -> Seat:
    seat = Seat.objects.get(user=council["security"])
    name_alternate(actor=council["security"], seat=seat, user=standby, reason="Knows the matter.")
    seat.refresh_from_db()
    return seat


def asked_for(agent: Agent, tool: Tool, council: Council, owner: User) -> Motion:
    motion = proposals.propose_grant(
        actor=owner, agent=agent, tool=tool, scope={}, valid_days=30, rationale="Needed."
    )
    return motions.second(actor=council["chair"], motion=motion)


def opened(motion: Motion) -> Motion:
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "ballot", motion.outcome_note
    return motion


def test_the_alternate_sits_when_the_member_is_not_impartial(
    council: Council, standby: User, agent: Agent, tool: Tool, owner: User
) -> None:
    named(council, standby)
    motion = asked_for(agent, tool, council, owner)
    motions.declare(actor=council["security"], motion=motion, reason="I built it.")
    (forecast,) = queries.forecast([motion], constitution(), ties_for([motion]))
    assert (forecast.eligible, forecast.recused) == (5, [])
    assert forecast.standing_in == ["Standby for Security"]
    opened(motion)
    elector = Elector.objects.get(motion=motion, user=standby)
    assert (elector.function, elector.sits_because) == ("security", "I built it.")
    with pytest.raises(NotPermitted, match="Standby sits for you"):
        vote(motion, council["security"])
    vote(motion, standby)
    for function in ("chair", "compliance", "legal"):
        vote(motion, council[function])
    closed(motion)
    assert (motion.status, motion.result["seats"]) == ("waiting", 5)


def test_a_member_who_is_away_leaves_the_vote_to_the_alternate(
    council: Council, standby: User, agent: Agent, tool: Tool, owner: User
) -> None:
    motion = asked_for(agent, tool, council, owner)
    with pytest.raises(Conflict, match="no alternate"):
        motions.leave_to_alternate(actor=council["security"], motion=motion, reason="On leave.")
    named(council, standby)
    motions.leave_to_alternate(actor=council["security"], motion=motion, reason="On leave.")
    opened(motion)
    assert Elector.objects.get(motion=motion, user=standby).sits_for == council["security"]


def test_an_alternate_who_is_bound_as_well_does_not_sit(
    council: Council, standby: User, agent: Agent, tool: Tool, owner: User
) -> None:
    named(council, standby)
    motion = asked_for(agent, tool, council, owner)
    for user in (council["security"], standby):
        motions.declare(actor=user, motion=motion, reason="Tied.")
    opened(motion)
    elector = Elector.objects.get(motion=motion, function="security")
    assert (elector.user, elector.recused) == (council["security"], True)


def test_an_alternate_named_after_the_ballot_opened_does_not_sit(
    council: Council, standby: User, agent: Agent, tool: Tool, owner: User
) -> None:
    motion = opened(asked_for(agent, tool, council, owner))
    named(council, standby)
    with pytest.raises(NotPermitted, match="were not on the council"):
        vote(motion, standby)


def test_only_the_holder_or_the_chair_names_and_only_whoever_fits(
    council: Council, standby: User, stranger: User, auditor: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    seat = Seat.objects.get(user=council["security"])
    with pytest.raises(NotPermitted):
        name_alternate(actor=council["legal"], seat=seat, user=standby, reason="x")
    for unfit in (auditor, council["legal"], council["security"]):
        with pytest.raises(Invalid):
            name_alternate(actor=council["chair"], seat=seat, user=unfit, reason="x")
    chair = signed_in(council["chair"])
    url = f"/council/seats/{seat.pk}/alternate"
    assert chair.post(url, {"user": standby.pk, "reason": " "}).status_code == 422
    assert signed_in(stranger).post(url, {"user": standby.pk, "reason": "x"}).status_code == 404
    assert chair.post(url, {"user": standby.pk, "reason": "Knows it."}).status_code == 302
    assert "Standby" in chair.get("/council/seats").content.decode()
    assert LedgerEvent.objects.get(type="seat.alternate_named").after == {"alternate": "Standby"}


def test_a_seat_ends_by_motion_from_its_own_page_and_stays_in_the_history(
    council: Council, signed_in: Callable[[User], Client], stranger: User
) -> None:
    seat = Seat.objects.get(user=council["legal"])
    chair, url = signed_in(council["chair"]), f"/council/seats/{seat.pk}/end"
    assert signed_in(stranger).get(url).status_code == 404
    assert "4 seats would be left" in chair.get(url).content.decode()
    assert chair.post(url, {"cause": "yes"}).status_code == 422
    assert chair.post(url, {"cause": "yes", "rationale": "Never came."}).status_code == 302
    motion = Motion.objects.get()
    assert (motion.klass, motion.payload["cause"]) == ("constitutional", True)
    motions.second(actor=council["risk"], motion=motion)
    opened(motion)
    for user in council.values():
        vote(motion, user)
    closed(motion)
    over(motion, "effective_at")
    sweeps.sweep()
    seat.refresh_from_db()
    assert seat.ended_for_cause
    page = chair.get("/council/seats").content.decode()
    assert "for cause" in page
    assert chair.get(url).status_code == 404


def test_whoever_manages_the_owner_does_not_vote_at_any_height(
    council: Council, agent: Agent, tool: Tool, owner: User, administrator: User, auditor: User
) -> None:
    set_manager(actor=administrator, user=owner, manager=auditor, reason="Chart")
    set_manager(actor=administrator, user=auditor, manager=council["risk"], reason="Chart")
    motion = opened(asked_for(agent, tool, council, owner))
    assert Elector.objects.get(user=council["risk"]).recusal_reason == "Manages the owner."
    with pytest.raises(NotPermitted, match="Manages the owner"):
        vote(motion, council["risk"])


def test_owners_and_members_are_told_how_a_motion_goes(
    council: Council, agent: Agent, tool: Tool, owner: User, stranger: User
) -> None:
    from apps.approvals.models import Notice

    def told(user: User) -> list[Any]:
        titles = Notice.objects.filter(user=user).order_by("at").values_list("title", flat=True)
        return [title.split(":")[0] for title in titles]

    motion = opened(asked_for(agent, tool, council, owner))
    assert told(owner) == [
        "The council reviews what concerns your agents",
        "The council votes on what concerns your agents",
    ]
    assert told(council["risk"]) == ["In review", "Your vote"]
    for user in council.values():
        vote(motion, user)
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    closed(motion)
    assert told(owner)[-1].startswith("Adopted; in effect on")
    over(motion, "effective_at")
    sweeps.sweep()
    assert told(owner)[-1] == "In effect"
    assert told(stranger) == []
