"""An incident from report to close: who may do what, and what has to be there first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.services import vigilance
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents.models import Incident
from apps.incidents.queries import incidents as listed
from apps.incidents.queries import timeline
from apps.incidents.rules import Line, with_gaps
from apps.incidents.services import (
    containment,
    duties,
    evidence,
    incidents,
    learning,
    lifting,
    linking,
    measures,
    opening,
    receipts,
)
from apps.incidents.services.measures import Wish
from apps.incidents.states import MOVES, Status
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run, Step
from apps.orchestration.services.plans import advance
from apps.orchestration.services.steps import claim_step
from apps.registry.models import Agent

pytestmark = pytest.mark.django_db
SUSPEND = Wish("agent", "clerk", "suspend")
Make = Callable[..., Incident]


def test_every_state_is_reached_and_only_the_dismissed_are_for_ever() -> None:
    reached = {to for targets in MOVES.values() for to in targets}
    assert reached | {Status.REPORTED} == set(Status)
    assert {state for state, targets in MOVES.items() if not targets} == {
        Status.DUPLICATE,
        Status.FALSE_ALARM,
    }


def test_anybody_reports_and_nothing_stops_by_it(
    reported: Make, agent: Agent, stranger: User, approver: User
) -> None:
    row = reported()
    assert (row.status, row.told_by, row.aware_at is not None) == ("reported", "Approver", True)
    agent.refresh_from_db()
    assert agent.status == "active"
    with pytest.raises(NotPermitted):
        opening.report(actor=stranger, title="x", summary="", kind="issue", severity=3)
    with pytest.raises(Invalid):
        opening.report(actor=approver, title=" ", summary="", kind="issue", severity=3)
    with pytest.raises(Invalid, match="how grave"):
        opening.report(actor=approver, title="x", summary="", kind="issue", severity=9)
    later = now() + dt.timedelta(hours=1)
    with pytest.raises(Invalid, match="happened yet"):
        opening.report(
            actor=approver, title="x", summary="", kind="issue", severity=3, occurred_at=later
        )


def test_who_owns_the_agent_adds_notes_and_neither_judges_nor_leads(
    reported: Make, owner: User, chair: User, member: User, operator: User, approver: User,
    stranger: User,
) -> None:  # fmt: skip
    row = reported()
    incidents.note(actor=owner, incident=row, text="I changed its settings at nine.")
    with pytest.raises(NotPermitted, match="own an agent"):
        incidents.triage(actor=owner, incident=row, kind="issue", severity=4, reason="")
    with pytest.raises(NotPermitted):
        incidents.take_command(actor=owner, incident=row)
    incidents.take_command(actor=member, incident=row)
    with pytest.raises(NotPermitted, match="does not lead"):
        incidents.take_command(actor=member, incident=row, to=owner)
    with pytest.raises(NotPermitted, match="hands over"):
        incidents.take_command(actor=chair, incident=row, to=chair)
    for somebody in (stranger, approver):
        with pytest.raises(NotPermitted, match="may not lead"):
            incidents.take_command(actor=member, incident=row, to=somebody)
    incidents.name_person(actor=member, incident=row, person=operator, reason="It is about them.")
    with pytest.raises(NotPermitted, match="may not lead"):
        incidents.take_command(actor=member, incident=row, to=operator)
    assert incidents.take_command(actor=member, incident=row, to=chair).commander == chair


def test_triage_wants_something_that_it_is_about(approver: User, chair: User) -> None:
    row = opening.report(actor=approver, title="Odd", summary="", kind="issue", severity=3)
    with pytest.raises(Invalid, match="Link an agent"):
        incidents.triage(actor=chair, incident=row, kind="issue", severity=3, reason="")


def test_what_it_is_about_is_named_by_people_where_no_signal_says_it(
    approver: User, chair: User, owner: User, agent: Agent, stranger: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    row = opening.report(actor=approver, title="Odd", summary="", kind="issue", severity=3)
    with pytest.raises(NotPermitted):
        linking.link_to(actor=stranger, incident=row, agent=agent)
    with pytest.raises(Invalid, match="Name an agent or a run"):
        linking.link_to(actor=chair, incident=row)
    page, at = signed_in(chair), f"/incidents/I-{row.number}"
    assert page.post(f"{at}/do/link", {"agent": "", "run": "R-77"}).status_code == 422
    assert page.post(f"{at}/do/link", {"agent": agent.slug, "run": ""}).status_code == 302
    with pytest.raises(Conflict, match="linked already"):
        linking.link_to(actor=chair, incident=row, agent=agent)
    assert "Clerk" in page.get(at).content.decode()
    assert LedgerEvent.objects.filter(type="incident.linked").count() == 1
    incidents.triage(actor=chair, incident=row, kind="issue", severity=3, reason="")
    agent.refresh_from_db()
    assert agent.status == "active"
    with pytest.raises(NotPermitted):
        linking.link_to(actor=owner, incident=row, agent=agent)


def test_an_agent_that_a_grave_incident_is_found_to_be_about_is_stopped_and_its_evidence_kept(
    approver: User, chair: User, member: User, owner: User, agent: Agent
) -> None:
    row = opening.report(actor=approver, title="Odd", summary="", kind="event", severity=2)
    evidence.keep_evidence(actor=chair, incident=row, reason="An authority may ask.")
    linking.link_to(actor=chair, incident=row, agent=agent)
    agent.refresh_from_db()
    assert agent.status == "suspended"
    measures = set(row.containments.values_list("measure", flat=True))
    assert measures == {"keep", "suspend"}
    other = opening.report(actor=approver, title="Odd", summary="", kind="issue", severity=3)
    Incident.objects.filter(pk=other.pk).update(commander=owner)
    with pytest.raises(Conflict, match="somebody else leads first"):
        linking.link_to(actor=chair, incident=other, agent=agent)


def test_containing_stops_the_agent_and_says_what_was_in_flight(
    reported: Make, chair: User, agent: Agent
) -> None:
    row = reported()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    with pytest.raises(Invalid, match="Say why"):
        containment.contain(actor=chair, incident=row, wishes=[SUSPEND], reason=" ")
    results = containment.contain(actor=chair, incident=row, wishes=[SUSPEND], reason="It goes on.")
    assert results[SUSPEND.name].startswith("suspend the agent until")
    agent.refresh_from_db()
    row.refresh_from_db()
    assert (agent.status, row.status) == ("suspended", "contained")
    assert row.contained_at is not None
    told = LedgerEvent.objects.get(type="agent.suspended")
    assert told.object_id == str(agent.pk)


def test_each_point_confirms_that_the_containment_holds(
    reported: Make, chair: User, agent: Agent
) -> None:
    row = reported()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    containment.contain(actor=chair, incident=row, wishes=[SUSPEND], reason="Stop.")
    found = {each.point: each for each in row.receipts.all()}
    assert set(found) == {"registry", "approvals", "orchestration"}
    assert all(each.confirmed_at for each in found.values())
    assert all(each.milliseconds is not None for each in found.values())
    assert LedgerEvent.objects.filter(type="incident.containment_confirmed").count() == 1


def test_a_step_that_still_runs_owes_its_receipt_until_it_ends(
    reported: Make, chair: User, work: Step
) -> None:
    row = reported()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    containment.contain(actor=chair, incident=row, wishes=[SUSPEND], reason="Stop.")
    owed = row.receipts.get(confirmed_at=None)
    assert (owed.point, owed.words) == ("orchestration", "1 of its steps still run.")
    assert not LedgerEvent.objects.filter(type="incident.containment_confirmed").exists()
    Step.objects.filter(pk=work.pk).update(status="succeeded", lease_until=None)
    assert receipts.collect() == 1
    assert receipts.collect() == 0
    assert LedgerEvent.objects.filter(type="incident.containment_confirmed").count() == 1


@pytest.fixture
def work(begin: Callable[..., Run]) -> Step:
    """A step of the agent that a worker has begun."""
    advance(begin().pk)
    step = Step.objects.filter(status="ready").order_by("created_at")[0]
    claimed = claim_step(step.pk, "worker-1")
    assert claimed is not None
    return claimed


def test_what_cannot_be_stopped_leaves_it_uncontained(
    reported: Make, chair: User, member: User, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = reported()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")

    def refuse(*args: Any) -> None:
        raise Conflict("Somebody else has just changed this agent.")

    monkeypatch.setattr(measures, "stop_agent", refuse)
    results = containment.contain(actor=chair, incident=row, wishes=[SUSPEND], reason="Stop.")
    assert results[SUSPEND.name].startswith("not done")
    row.refresh_from_db()
    assert row.status == "triaged"
    assert LedgerEvent.objects.filter(type="incident.containment_failed").exists()


def test_the_review_wants_findings_and_two_who_read_the_timeline(
    contained: Make, member: User, chair: User
) -> None:
    row = contained()
    incidents.investigate(actor=member, incident=row)
    with pytest.raises(Conflict, match="finding first"):
        incidents.to_review(actor=member, incident=row)
    finding = learning.add_finding(actor=member, incident=row, text="Nobody compared the order.")
    incidents.confirm(actor=member, incident=row)
    with pytest.raises(Conflict, match="already"):
        incidents.confirm(actor=member, incident=row)
    with pytest.raises(Conflict, match="one other"):
        incidents.to_review(actor=member, incident=row)
    incidents.confirm(actor=chair, incident=row)
    incidents.to_review(actor=member, incident=row)
    with pytest.raises(Conflict, match="neither an action"):
        incidents.to_corrective(actor=member, incident=row)
    learning.accept_risk(actor=chair, finding=finding, reason="The tool goes next month.")
    incidents.to_corrective(actor=member, incident=row)
    assert incidents.close(actor=chair, incident=row, reason="").status == "closed"


def test_a_grave_one_is_closed_and_dismissed_by_two(
    contained: Make, reported: Make, member: User, chair: User
) -> None:
    row = contained(1)
    incidents.investigate(actor=member, incident=row)
    finding = learning.add_finding(actor=member, incident=row, text="x")
    for person in (member, chair):
        incidents.confirm(actor=person, incident=row)
    incidents.to_review(actor=member, incident=row)
    learning.accept_risk(actor=chair, finding=finding, reason="x")
    with pytest.raises(Conflict, match="Hold the review first"):
        incidents.to_corrective(actor=member, incident=row)
    duties.hold_review(
        actor=chair, incident=row, attendees=[chair, member], decisions="Ask for two people."
    )
    incidents.to_corrective(actor=member, incident=row)
    with pytest.raises(Conflict, match="released first"):
        incidents.close(actor=chair, incident=row, reason="")
    stopped = row.containments.get(measure="suspend")
    lifting.lift(actor=member, containment_id=stopped.pk, reason="The rule is in force.")
    with pytest.raises(NotPermitted, match="somebody other than who leads"):
        incidents.close(actor=member, incident=row, reason="")
    assert incidents.close(actor=chair, incident=row, reason="").status == "closed"
    other = reported(1)
    asked = incidents.dismiss(actor=member, incident=other, to="false_alarm", reason="A test.")
    assert asked.status == "reported"
    again = incidents.dismiss(actor=member, incident=other, to="false_alarm", reason="A test.")
    assert again.status == "reported"
    ended = incidents.dismiss(actor=chair, incident=other, to="false_alarm", reason="A test.")
    assert ended.status == "false_alarm"


def test_a_duplicate_names_another(reported: Make, chair: User) -> None:
    first, second = reported(), reported()
    with pytest.raises(Invalid):
        incidents.dismiss(actor=chair, incident=second, to="duplicate", reason="Same.")
    with pytest.raises(Invalid):
        incidents.dismiss(
            actor=chair, incident=second, to="duplicate", reason="Same.", original=second
        )
    ended = incidents.dismiss(
        actor=chair, incident=second, to="duplicate", reason="Same.", original=first
    )
    assert ended.duplicate_of == first
    with pytest.raises(Conflict):
        incidents.triage(actor=chair, incident=ended, kind="issue", severity=3, reason="")


def test_open_ones_stand_on_the_overview_and_a_critical_one_silences_known_answer_items(
    reported: Make, chair: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    row = reported()
    assert not any(quiet() for quiet in vigilance.QUIET)
    assert "Too many books" in signed_in(chair).get("/").content.decode()
    assert "Too many books" not in signed_in(stranger).get("/").content.decode()
    incidents.change_severity(actor=chair, incident=row, severity=1, reason="Worse.")
    assert any(quiet() for quiet in vigilance.QUIET)


def test_a_severity_raised_later_leaves_the_moment_one_knew(reported: Make, chair: User) -> None:
    row = reported()
    known = row.aware_at
    raised = incidents.change_severity(actor=chair, incident=row, severity=1, reason="Worse.")
    assert (raised.severity, raised.aware_at) == (1, known)
    with pytest.raises(Invalid):
        incidents.change_severity(actor=chair, incident=raised, severity=1, reason="Again.")


def test_the_timeline_refers_to_the_record_and_marks_what_is_not_known(
    contained: Make, agent: Agent, approver: User
) -> None:
    row = contained()
    incidents.note(actor=approver, incident=row, text="The bell rang.")
    lines, more = timeline(row)
    assert not more
    words = [line.words for line in lines]
    assert any(text.startswith("Incident reported") for text in words)
    assert words.count("The bell rang.") == 1
    assert not any("The bell rang." in text for text in words if text != "The bell rang.")
    moment = now()
    gapped = with_gaps([Line(moment, "a"), Line(moment - dt.timedelta(hours=3), "b")])
    assert [line.kind for line in gapped] == ["event", "gap", "event"]


def test_the_pages_lead_from_report_to_containment(
    reported: Make, chair: User, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(chair)
    body = {"title": "Odd payments", "summary": "", "kind": "issue", "severity": "3",
            "agents": [agent.pk], "run": "", "occurred_at": ""}  # fmt: skip
    there = page.post("/incidents/report", body)["Location"]
    shown = page.get(there).content.decode()
    assert "Odd payments" in shown
    page.post(f"{there}/do/triage", {"kind": "event", "severity": "3", "reason": "Money went."})
    asked = page.get(f"{there}/contain").content.decode()
    assert "Suspend the agent" in asked
    wrong = page.post(f"{there}/contain", {"do:agent:clerk": "suspend", "hours": "9999"})
    assert wrong.status_code == 409
    assert "checked" in wrong.content.decode().split('value="suspend"')[1][:20]
    page.post(f"{there}/contain", {"do:agent:clerk": "suspend", "reason": "Stop it.", "hours": "8"})
    assert "Contained" in page.get(there).content.decode()
    agent.refresh_from_db()
    assert agent.status == "suspended"


def test_a_refused_act_keeps_what_was_typed(
    reported: Make, owner: User, chair: User, signed_in: Callable[[User], Client]
) -> None:
    row = reported()
    page = signed_in(chair)
    answer = page.post(f"/incidents/I-{row.number}/do/finding", {"text": "My careful words."})
    assert answer.status_code == 409
    assert "investigated or reviewed" in answer.content.decode()
    body = {"to": "duplicate", "original": "I-99", "reason": "Same as before."}
    answer = page.post(f"/incidents/I-{row.number}/do/dismiss", body)
    assert answer.status_code == 422
    assert "Same as before." in answer.content.decode()


def test_a_stranger_sees_and_does_nothing(
    reported: Make, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    row = reported()
    page = signed_in(stranger)
    for path in ("/incidents/", f"/incidents/I-{row.number}", "/incidents/report"):
        assert page.get(path).status_code == 404
    assert page.post(f"/incidents/I-{row.number}/do/note", {"text": "x"}).status_code == 404
    assert not listed(stranger).exists()
