"""Nobody puts a rule in force past the council, administrators included."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from apps.access.matrix import MATRIX
from apps.access.models import User
from apps.common.errors import NotPermitted
from apps.council.services import ballots, motions
from apps.council.views.acts import ACTS
from apps.policies.models import PolicyVersion
from tests.architecture.test_pages import SAMPLES, fill, routes
from tests.council.support import Council, in_ballot


def addresses(version: PolicyVersion, motion_number: int) -> Iterator[str]:
    """Every address, with the names of the version and of its motion in the gaps."""
    names = {**SAMPLES, "slug": version.policy.slug, "name": version.policy.slug}
    names |= {"new": str(version.number), "pk": str(version.pk), "uuid": str(version.pk)}
    for _, route in routes():
        for number in {version.number, motion_number}:
            for verb in ACTS if "verb>" in route else ("",):
                yield fill(route, {**names, "number": str(number), "verb": verb})


def test_no_address_lets_an_administrator_put_a_version_in_force(
    base: PolicyVersion,
    council: Council,
    administrator: User,
    signed_in: Callable[[User], Client],
) -> None:
    motion = in_ballot(base, council)
    version = PolicyVersion.objects.get(status="proposed")
    client = signed_in(administrator)
    body = {"reason": "Now.", "text": version.text, "choice": "for", "status": "in_force"}
    for path in addresses(version, motion.number):
        for verb in (client.get, client.post):
            assert verb(path, body).status_code < 500, path
    version.refresh_from_db()
    motion.refresh_from_db()
    assert version.status == "proposed"
    assert motion.status == "ballot"
    assert PolicyVersion.objects.get(status="in_force") == base


def test_an_administrators_role_carries_none_of_the_councils_rights() -> None:
    decide = {"council.sit", "council.chair", "agents.activate", "grants.give"}
    assert MATRIX["administrator"] & decide == set()


def test_the_services_refuse_an_administrator(
    base: PolicyVersion, council: Council, administrator: User
) -> None:
    motion = in_ballot(base, council)
    with pytest.raises(NotPermitted):
        motions.second(actor=administrator, motion=motion)
    with pytest.raises(NotPermitted):
        motions.withdraw(actor=administrator, motion=motion, reason="x")
    with pytest.raises(NotPermitted):
        ballots.cast(
            actor=administrator,
            motion=motion,
            choice="for",
            reason="x",
            packet_digest=motion.packet_digest,
        )
