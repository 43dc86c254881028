from __future__ import annotations

import datetime as dt

import pytest

from apps.access.models import User
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council import queries
from apps.council.models import Certification, Sitting
from apps.council.services import ballots, certifications, motions, proposals, sittings
from apps.council.services.common import constitution
from apps.registry.models import Agent

Council = dict[str, User]


@pytest.fixture
def sitting(council: Council) -> Sitting:
    return sittings.call_sitting(
        actor=council["chair"],
        title="November",
        starts_at=now() + dt.timedelta(days=1),
        place="Room 4",
    )


def test_a_sitting_goes_from_its_call_to_signed_minutes(council: Council, sitting: Sitting) -> None:
    present = [council["chair"].pk, council["legal"].pk]
    sittings.open_sitting(actor=council["chair"], sitting=sitting, present=present)
    sittings.note(actor=council["legal"], sitting=sitting, item="M-1001", text="Ask the union.")
    closed = sittings.close_sitting(actor=council["chair"], sitting=sitting)
    assert "Ask the union." in closed.minutes
    assert "Present: Chair, Legal" in closed.minutes
    assert closed.minutes_digest == digest({"minutes": closed.minutes})
    with pytest.raises(NotPermitted):
        sittings.sign(actor=council["risk"], sitting=sitting, minutes_digest=closed.minutes_digest)
    with pytest.raises(Conflict):
        sittings.sign(actor=council["chair"], sitting=sitting, minutes_digest="0" * 64)
    for function in ("chair", "legal"):
        sittings.sign(
            actor=council[function], sitting=sitting, minutes_digest=closed.minutes_digest
        )
    sitting.refresh_from_db()
    assert (sitting.status, len(sitting.signatures)) == ("signed", 2)
    with pytest.raises(Conflict):
        sittings.note(actor=council["legal"], sitting=sitting, item="", text="Late.")


def test_only_the_chair_calls_and_not_into_the_past(council: Council) -> None:
    with pytest.raises(NotPermitted):
        sittings.call_sitting(
            actor=council["legal"], title="x", starts_at=now() + dt.timedelta(days=1), place=""
        )
    with pytest.raises(Invalid):
        sittings.call_sitting(
            actor=council["chair"], title="x", starts_at=now() - dt.timedelta(days=1), place=""
        )


def test_the_forecast_says_who_will_not_vote(
    council: Council, sitting: Sitting, agent: Agent
) -> None:
    motion = proposals.propose_rules(
        actor=council["chair"], payload={"values": {"collapse": True}}, rationale="x"
    )
    motions.second(actor=council["risk"], motion=motion)
    motions.declare(actor=council["legal"], motion=motion, reason="Tied.")
    (found,) = queries.forecast([motion], constitution(), ballots.ties_for([motion]))
    assert (found.recused, found.eligible, found.enough) == (["Legal"], 4, True)


def test_standing_permissions_are_certified_and_unused_ones_are_told(
    council: Council, agent: Agent
) -> None:
    certifications.keep_certifications()
    certifications.keep_certifications()
    row = Certification.objects.get(object_type="grant")
    assert row.label == "Clerk may use shelf.put"
    assert queries.certifications((now() + dt.timedelta(days=400)).date()) == [row]
    with pytest.raises(Invalid):
        certifications.certify(actor=council["risk"], certification=row, reason=" ")
    certifications.certify(actor=council["risk"], certification=row, reason="Still needed.")
    row.refresh_from_db()
    assert row.certified_by_label == "Risk"
    assert queries.unused_grants() == []
    given = agent.grants.get()
    given.starts_at = now() - dt.timedelta(days=30)
    given.save()
    assert [grant.pk for grant in queries.unused_grants()] == [given.pk]
