"""The auditor's role: read-only, limited where the role says so, with notes of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import Department, RoleAssignment, User
from apps.access.services import give_role
from apps.audit.index.writing import catch_up
from apps.audit.queries.events import everything, facets, look
from apps.audit.rules.grammar import parse
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from apps.registry.models import Agent
from tests.conftest import person

DAY = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)


@pytest.fixture
def past(agent: Agent) -> dict[str, LedgerEvent]:
    """The agent's acts of two days, another agent's, and a person's."""
    made = {}
    for name, label, kind, day in (
        ("early", "clerk@1", "agent", -2),
        ("mine", "clerk@1", "agent", 0),
        ("other", "robot@1", "agent", 0),
        ("person", "Somebody", "person", 0),
    ):
        with acting(kind=kind, id=name, label=label):
            made[name] = record(type="action.denied", at=DAY + dt.timedelta(days=day))
    return made


@pytest.fixture
def limited(department: Department, past: dict[str, LedgerEvent]) -> User:
    user = person(department, "limited")
    scope = {"agents": ["clerk"], "since": "2026-11-01", "until": "2026-11-03"}
    give_role(actor=None, user=user, role="outside_auditor", reason="Audit", scope=scope)
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("indexed", [False, True])
def test_a_limited_role_sees_its_agents_and_its_period_only(
    past: dict[str, LedgerEvent],
    limited: User,
    indexed: bool,  # noqa: FBT001
) -> None:
    if indexed:
        catch_up()
    for query in ("", "type:action.denied", "agent:robot", "at:2026-10-01..2026-11-30", "-xyz"):
        found = [event.pk for event in look(limited, parse(query)).rows]
        assert found == ([] if query == "agent:robot" else [past["mine"].pk]), query
    assert facets(limited, parse("")).of == 1
    exported = list(everything(limited, parse(""), until=now()))
    assert [event.pk for event in exported] == [past["mine"].pk]


def test_a_limited_role_reaches_no_other_page(
    past: dict[str, LedgerEvent],
    limited: User,
    agent: Agent,
    signed_in: Callable[[User], Client],
) -> None:
    client = signed_in(limited)
    assert client.get(f"/audit/{past['mine'].pk}").status_code == 200
    closed = [
        *(f"/audit/{past[name].pk}" for name in ("early", "other", "person")),
        "/audit/access", "/audit/as-of", "/audit/frameworks/soc-2",
        f"/audit/object/access.user/{limited.pk}",
        f"/audit/as-of/registry.agent/{agent.pk}",
        "/agents/", "/runs/", "/policies/", "/people", "/decisions/",
    ]  # fmt: skip
    for url in closed:
        assert client.get(url).status_code == 404, url
    assert client.get(f"/audit/object/registry.agent/{agent.pk}").status_code == 200


def test_a_second_role_without_a_limit_has_none(
    past: dict[str, LedgerEvent], limited: User
) -> None:
    give_role(actor=None, user=limited, role="auditor", reason="All")
    again = User.objects.get(pk=limited.pk)
    assert len(look(again, parse("type:action.denied")).rows) == 4


def test_only_an_auditors_role_is_limited(department: Department) -> None:
    user = person(department, "somebody")
    with pytest.raises(Invalid):
        give_role(actor=None, user=user, role="operator", reason="x", scope={"agents": ["a"]})
    scope = {"since": "2026-12-01", "until": "2026-11-01"}
    with pytest.raises(Invalid):
        give_role(actor=None, user=user, role="auditor", reason="x", scope=scope)


def test_the_limit_is_given_on_the_page_of_people(
    administrator: User, stranger: User, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    data = {
        "user": stranger.pk, "role": "auditor", "reason": "Audit",
        "agents": "clerk", "since": "2026-11-01", "until": "",
    }  # fmt: skip
    assert signed_in(administrator).post("/people/roles", data).status_code == 302
    given = RoleAssignment.objects.get(user=stranger)
    assert given.scope == {"agents": ["clerk"], "since": "2026-11-01"}
    told = LedgerEvent.objects.filter(type="role.granted").order_by("-at")[0]
    assert told.after == {"scope": given.scope}


def test_notes_are_read_by_their_author_alone_and_the_trail_keeps_them_to_itself(
    past: dict[str, LedgerEvent],
    auditor: User,
    member: User,
    signed_in: Callable[[User], Client],
) -> None:
    url = f"/audit/{past['mine'].pk}"
    client = signed_in(auditor)
    assert client.post(f"{url}/notes", {"text": "Odd hour."}).status_code == 302
    assert client.post(f"{url}/notes", {"text": " "}).status_code == 422
    assert b"Odd hour." in client.get(url).content
    assert b"Odd hour." in client.get("/audit/notes").content
    for page in (url, "/audit/notes"):
        assert b"Odd hour." not in signed_in(member).get(page).content
    assert signed_in(member).post(f"{url}/notes", {"text": "x"}).status_code == 403
    told = LedgerEvent.objects.get(type="audit.noted")
    assert (told.object_id, told.reason, told.after) == ("", "", None)


def test_no_page_of_audit_changes_anything_for_an_auditor(
    auditor: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(auditor)
    for url in ("/audit/access/reviews", "/audit/access/A-1/close"):
        assert client.post(url).status_code == 404
