"""What a responder sees first: what is stopped, what goes on, and what the next stage wants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.incidents import queries
from apps.incidents.models import Incident
from apps.incidents.queries.standing import BEHIND, Standing
from apps.incidents.services import containment, incidents, learning, lifting, receipts
from apps.incidents.services.measures import Wish
from apps.incidents.states import DISMISSED, Status
from apps.registry.models import Agent

pytestmark = pytest.mark.django_db
Make = Callable[..., Incident]


def standing(row: Incident) -> Standing:
    (found,) = queries.standings(row, queries.containments(row))
    return found


def wanted(row: Incident) -> dict[str, bool]:
    row.refresh_from_db()
    rows = queries.wanted(
        row, list(row.findings.all()), queries.policy_actions(row), queries.containments(row)
    )
    return {each.words: each.done for each in rows}


def test_what_is_not_stopped_goes_on_until_every_point_has_confirmed_the_measure(
    reported: Make, agent: Agent, chair: User
) -> None:
    row = reported()
    assert (standing(row).tone, standing(row).word) == ("danger", "Goes on")
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    containment.contain(
        actor=chair, incident=row, wishes=[Wish("agent", agent.slug, "suspend")], reason="x"
    )
    receipts.collect()
    assert standing(row).word == "Stopped"
    measure = row.containments.get()
    row.containments.update(confirmed_at=None)
    measure.receipts.filter(point="registry").update(confirmed_at=None)
    assert (standing(row).tone, standing(row).word) == ("danger", "Not confirmed")
    assert "points have confirmed it so far" in standing(row).words
    lifting.lift(actor=chair, containment_id=measure.pk, reason="Mended.")
    assert standing(row).word == "Goes on again"


def test_an_agent_that_is_asked_about_is_neither_stopped_nor_free(
    reported: Make, agent: Agent, chair: User, checkpoint: object
) -> None:
    row = reported()
    containment.contain(
        actor=chair, incident=row, wishes=[Wish("agent", agent.slug, "ask")], reason="x"
    )
    receipts.collect()
    assert (standing(row).tone, standing(row).word) == ("hold", "People are asked")


def test_where_nothing_had_to_be_stopped_it_says_so_without_alarm(contained: Make) -> None:
    found = standing(contained())
    assert (found.tone, found.words) == ("mute", "Nobody found that it has to be stopped.")


def test_every_stage_says_how_far_it_is() -> None:
    assert set(BEHIND) == set(Status) - set(DISMISSED)
    row = Incident(status=Status.INVESTIGATING)
    assert queries.milestones(row)[:4] == [
        ("Triaged", "done"), ("Contained", "done"), ("Investigate", "next"), ("Review", "later"),
    ]  # fmt: skip
    assert {stands for _, stands in queries.milestones(Incident(status="closed"))} == {"done"}
    assert queries.milestones(Incident(status="false_alarm")) == []


def test_what_is_wanted_is_what_the_verbs_refuse_without(
    contained: Make, member: User, chair: User
) -> None:
    """At each stage the verb refuses while something is wanted, and goes through after it."""
    row = contained()
    assert all(wanted(row).values())
    incidents.investigate(actor=member, incident=row)
    assert wanted(row) == {
        "A finding is written down": False,
        f"{member} has confirmed the timeline": False,
        "Somebody else has confirmed it": False,
    }
    finding = learning.add_finding(actor=member, incident=row, text="Nobody counted.")
    incidents.confirm(actor=member, incident=row)
    with pytest.raises(Conflict):
        incidents.to_review(actor=member, incident=row)
    assert list(wanted(row).values()) == [True, True, False]
    incidents.confirm(actor=chair, incident=row)
    assert all(wanted(row).values())
    incidents.to_review(actor=member, incident=row)

    assert wanted(row) == {"Each finding has an action, or its risk is accepted": False}
    with pytest.raises(Conflict):
        incidents.to_corrective(actor=member, incident=row)
    action = learning.add_action(
        actor=member, finding=finding, type="training", text="Count them.", owner=member,
        due_on=now().date() + dt.timedelta(days=3),
    )  # fmt: skip
    assert all(wanted(row).values())
    incidents.to_corrective(actor=member, incident=row)

    assert list(wanted(row).values())[:2] == [False, False]
    learning.mark_done(actor=member, action_id=action.pk)
    with pytest.raises(Conflict):
        incidents.close(actor=chair, incident=row, reason="x")
    learning.verify(actor=chair, action_id=action.pk, how="Counted twice.")
    assert all(wanted(row).values())
    incidents.close(actor=chair, incident=row, reason="One counts.")
    assert wanted(row) == {}


def test_that_nothing_has_to_be_stopped_is_said_and_not_left_out(
    reported: Make, chair: User, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    row = reported()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    page, at = signed_in(chair), f"/incidents/I-{row.number}/contain"
    body = {"reason": "It stopped by itself.", "hours": "8"}
    forgotten = page.post(at, body)
    assert forgotten.status_code == 409
    assert "say that nothing has to be stopped" in forgotten.content.decode()
    both = page.post(at, {**body, "do:agent:clerk": "suspend", "nothing": "yes"})
    assert both.status_code == 409
    agent.refresh_from_db()
    row.refresh_from_db()
    assert (agent.status, row.status) == ("active", "triaged")
    assert page.post(at, {**body, "nothing": "yes"}).status_code == 302
    row.refresh_from_db()
    assert row.status == "contained"
    assert page.post(at, {**body, "nothing": "yes"}).status_code == 409


def test_the_page_shows_everybody_what_is_stopped_and_forms_only_to_who_may(
    reported: Make, chair: User, auditor: User, owner: User, signed_in: Callable[[User], Client]
) -> None:
    row = reported()
    shown = {
        who: signed_in(who).get(f"/incidents/I-{row.number}").content.decode()
        for who in (chair, auditor, owner)
    }
    assert all("What is stopped, and what is not" in page for page in shown.values())
    assert "Triage I-" in shown[chair]
    assert "Triage I-" not in shown[auditor] + shown[owner]
    assert "so others do it" in shown[owner]
    listed = signed_in(chair).get("/incidents/").content.decode()
    assert "Nothing yet" in listed
