"""How things stood at a moment: deleted ones included, related names as they were."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client

from apps.access.models import Department, User
from apps.access.services import create_department
from apps.approvals.models import Queue
from apps.approvals.services import withdraw_trust
from apps.audit.installation import version_tables
from apps.audit.queries.asof import KINDS, listing, row_at, rows_at, state
from apps.common.clock import now
from apps.common.errors import Absent
from apps.registry.models import Agent, Grant
from apps.registry.services import change_agent, revoke_grant, suspend_agent
from apps.registry.states import AgentStatus


def moment() -> dt.datetime:
    """A moment that lies between what was before and what comes."""
    found = dt.datetime.now(dt.UTC)
    while dt.datetime.now(dt.UTC) <= found:
        pass
    return found


def test_an_agent_as_it_was_with_its_permissions(agent: Agent, auditor: User) -> None:
    before = moment()
    change_agent(actor=None, agent=agent, reason="New", name="Senior clerk")
    revoke_grant(actor=None, grant=Grant.objects.get(agent=agent), reason="Over")
    suspend_agent(actor=None, agent=Agent.objects.get(pk=agent.pk), reason="Over")
    then = state(auditor, "registry.agent", str(agent.pk), before)
    today = state(auditor, "registry.agent", str(agent.pk), now())
    assert then is not None
    assert today is not None
    told = {value.name: value.text for value in then.values}
    assert (told["name"], told["status"]) == ("Clerk", AgentStatus.ACTIVE.label)
    assert then.related[0].lines[0].startswith("shelf.put, whole tool")
    assert {value.name: value.text for value in today.values}["name"] == "Senior clerk"
    assert today.related[0].lines == []


def test_related_names_are_those_of_the_moment(
    agent: Agent, auditor: User, department: Department
) -> None:
    before = moment()
    department.name = "Treasury"
    department.save()
    names = {}
    for at in (before, moment()):
        found = state(auditor, "registry.agent", str(agent.pk), at)
        assert found is not None
        names[at] = {value.name: value.text for value in found.values}["sponsor"]
    assert list(names.values()) == ["Finance", "Treasury"]


def test_what_is_deleted_is_there_before_and_gone_after(
    auditor: User, signed_in: Callable[[User], Client]
) -> None:
    gone = create_department(slug="old", name="Old")
    pk = gone.pk
    before = moment()
    gone.delete()
    then = state(auditor, "access.department", str(pk), before)
    assert then is not None
    assert not then.gone
    after = state(auditor, "access.department", str(pk), moment())
    assert after is not None
    assert after.gone
    assert pk in [row.id for row in rows_at(Department, before)]
    assert pk not in [row.id for row in rows_at(Department, moment())]


def test_one_row_per_object_even_where_two_versions_share_a_moment(agent: Agent) -> None:
    history = Agent.history.model  # type: ignore[attr-defined]
    last = history.objects.filter(id=agent.pk).order_by("-history_id").first()
    last.pk, last.name = None, "Twin"
    last.save(force_insert=True)
    rows = [row for row in rows_at(Agent, moment()) if row.id == agent.pk]
    assert [row.name for row in rows] == ["Twin"]
    assert row_at(Agent, agent.pk, moment()).name == "Twin"  # type: ignore[union-attr]


def test_before_it_was_made_there_is_nothing(agent: Agent, auditor: User) -> None:
    past = now() - dt.timedelta(days=1)
    assert state(auditor, "registry.agent", str(agent.pk), past) is None
    assert listing(auditor, KINDS["agents"], past) == []


def test_who_could_decide_in_a_queue(queue: Queue, auditor: User, approver: User) -> None:
    before = moment()
    withdraw_trust(actor=None, queue=queue, user=approver, reason="Left")
    then = state(auditor, "approvals.queue", str(queue.pk), before)
    today = state(auditor, "approvals.queue", str(queue.pk), now())
    assert then is not None
    assert today is not None
    assert then.related[0].lines == ["Approver", "Owner", "Second_approver"]
    assert today.related[0].lines == ["Owner", "Second_approver"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_listed_at_any_moment(
    kind: str,
    agent: Agent,
    queue: Queue,
    council: dict[str, User],
    policy: Callable[..., object],
    auditor: User,
    signed_in: Callable[[User], Client],
) -> None:
    policy(
        "permit (principal, action, resource);".replace("permit", '@id("x") @reason("X.") permit')
    )
    assert listing(auditor, KINDS[kind], moment()) != []
    client = signed_in(auditor)
    for at in ("", "2026-01-01", "soon", "9999-12-31", "2999-01-01T00:00:00"):
        answer = client.get("/audit/as-of", {"what": kind, "at": at})
        assert answer.status_code == 200


def test_a_page_of_a_moment_says_that_it_is_reconstructed(
    agent: Agent, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    before = moment()
    change_agent(actor=None, agent=agent, reason="New", name="Senior clerk")
    url = f"/audit/as-of/registry.agent/{agent.pk}"
    page = signed_in(auditor).get(url, {"at": before.isoformat()}).content.decode()
    assert "Reconstructed." in page
    assert "<dd>Clerk" in page


def test_a_stranger_sees_no_past(
    agent: Agent, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    with pytest.raises(Absent):
        state(stranger, "registry.agent", str(agent.pk), now())
    for url in ("/audit/as-of", f"/audit/as-of/registry.agent/{agent.pk}"):
        assert signed_in(stranger).get(url).status_code == 404


def test_every_version_table_has_the_index_of_as_it_was(db: None) -> None:
    for table, _key in version_tables():
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        columns = [each["columns"] for each in found.values() if each["index"]]
        assert ["id", "history_date", "history_id"] in columns, table
