"""Serious incidents and their periods, the review, whom it is about, and whether it helped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted
from apps.incidents import clocks
from apps.incidents.models import Corrective, Finding, Incident, RegulatoryClock
from apps.incidents.queries import checks_due, open_clocks, subjects_of
from apps.incidents.queries import incidents as listed
from apps.incidents.services import duties, evidence, incidents
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent

pytestmark = pytest.mark.django_db
Make = Callable[..., Incident]
SETS = st.sets(st.sampled_from(sorted(clocks.CRITERIA)))


@given(SETS)
def test_exactly_one_reporting_period_starts_and_the_shortest_that_applies(
    criteria: set[str],
) -> None:
    found = [code for code in clocks.running(criteria) if code in clocks.REPORTS]
    assert len(found) == bool(criteria)
    if found:
        days = clocks.CLOCKS[found[0]].days
        assert days == (2 if {"infrastructure", "widespread"} & criteria else
                        10 if "death" in criteria else 15)  # fmt: skip


@pytest.mark.parametrize(
    ("code", "days", "words"),
    [("73-2", 15, "15 days"), ("73-3", 2, "two days"), ("73-4", 10, "10 days")],
)
def test_the_number_of_days_is_the_one_in_the_quote(code: str, days: int, words: str) -> None:
    clock = clocks.CLOCKS[code]
    assert clock.days == days
    assert f"not later than {words}" in clock.quote


def test_periods_run_from_when_one_knew_and_keep_that_when_it_turns_out_graver(
    reported: Make, chair: User
) -> None:
    """Acceptance test 24."""
    row = reported()
    knew = now() - dt.timedelta(days=1)
    Incident.objects.filter(pk=row.pk).update(aware_at=knew)
    found = duties.classify(
        actor=chair, incident=row, criteria=["rights"], asi_codes=["ASI02"], reason="A letter."
    )
    assert found.is_serious
    assert {c.code: c.due_at - knew for c in open_clocks(found)} == {
        "26-5": dt.timedelta(0), "73-2": dt.timedelta(days=15),
    }  # fmt: skip
    found = duties.classify(
        actor=chair, incident=found, criteria=["rights", "death"], asi_codes=[], reason="He died."
    )
    running = {c.code: c for c in open_clocks(found)}
    assert set(running) == {"26-5", "73-4"}
    assert running["73-4"].due_at == knew + dt.timedelta(days=10)
    assert RegulatoryClock.objects.get(code="73-2").replaced_at is not None
    found = duties.classify(
        actor=chair, incident=found, criteria=["rights"], asi_codes=[], reason="He lives."
    )
    assert {c.code for c in open_clocks(found)} == {"26-5", "73-2"}
    assert found.aware_at == knew


def test_a_serious_incident_keeps_its_evidence_by_itself(reported: Make, chair: User) -> None:
    row = duties.classify(
        actor=chair, incident=reported(), criteria=["health"], asi_codes=[], reason="Hurt."
    )
    assert row.hold is not None
    with pytest.raises(Conflict, match="report is still owed"):
        evidence.release_evidence(actor=chair, incident=row, reason="Enough.")


def test_near_misses_start_no_period(reported: Make, chair: User) -> None:
    row = reported(kind="near_miss")
    with pytest.raises(Conflict, match="near miss"):
        duties.classify(actor=chair, incident=row, criteria=["death"], asi_codes=[], reason="x")
    found = duties.classify(
        actor=chair, incident=row, criteria=[], asi_codes=["ASI09"], reason="It pleaded."
    )
    assert found.asi_codes == ["ASI09"]
    assert not RegulatoryClock.objects.exists()


def test_the_periods_can_be_switched_off(reported: Make, chair: User, settings: object) -> None:
    settings.COUNCIL = {**settings.COUNCIL, "CLOCKS": False}  # type: ignore[attr-defined]
    duties.classify(actor=chair, incident=reported(), criteria=["death"], asi_codes=[], reason="x")
    assert not RegulatoryClock.objects.exists()


def test_a_report_is_kept_as_it_was_and_meets_the_period_when_it_goes_out(
    reported: Make, chair: User, member: User, agent: Agent
) -> None:
    row = duties.classify(
        actor=chair, incident=reported(), criteria=["property"], asi_codes=[], reason="Money."
    )
    with pytest.raises(Invalid, match="who is told"):
        duties.prepare_report(actor=chair, incident=row, kind="initial", recipient=" ", told={})
    report = duties.prepare_report(
        actor=chair, incident=row, kind="initial", recipient="The authority",
        told={"member_state": "Ireland", "unknown": "x"},
    )  # fmt: skip
    assert report.body["systems"][0]["id"] == agent.slug
    assert report.body["told"] == {"Member State where it happened": "Ireland"}
    assert len(report.digest) == 64
    duties.mark_sent(actor=member, report_id=report.pk, reference="MSA-7")
    assert {c.code for c in open_clocks(row)} == {"26-5"}
    with pytest.raises(Conflict, match="sent already"):
        duties.mark_sent(actor=member, report_id=report.pk, reference="MSA-8")


def test_a_period_is_met_or_set_aside_with_words_and_late_is_on_record_as_late(
    reported: Make, chair: User, operator: User
) -> None:
    row = duties.classify(
        actor=chair, incident=reported(), criteria=["property"], asi_codes=[], reason="Money."
    )
    first, second = open_clocks(row).order_by("due_at")
    with pytest.raises(Invalid):
        duties.meet(actor=chair, clock_id=first.pk, words=" ")
    duties.meet(actor=operator, clock_id=first.pk, words="Called the maker.")
    assert LedgerEvent.objects.get(type="incident.clock_met").after["late"] is True
    with pytest.raises(NotPermitted):
        duties.set_aside(actor=operator, clock_id=second.pk, reason="No.")
    duties.set_aside(actor=chair, clock_id=second.pk, reason="It is no high-risk system.")
    assert not open_clocks(row).exists()
    with pytest.raises(Conflict):
        duties.meet(actor=chair, clock_id=second.pk, words="x")


def test_responders_hear_once_of_a_period_that_ends(
    reported: Make, chair: User, operator: User
) -> None:
    duties.classify(
        actor=chair, incident=reported(), criteria=["widespread"], asi_codes=[], reason="x"
    )
    assert duties.tell_due() == 1
    assert duties.tell_due() == 0
    assert operator.notices.filter(title__startswith="Art. 26(5) is due", urgent=True).exists()
    RegulatoryClock.objects.filter(code="73-3").update(due_at=now() + dt.timedelta(hours=3))
    assert duties.tell_due() == 1


def test_whom_it_is_about_sees_nothing_but_that_there_is_one(
    reported: Make, member: User, chair: User, signed_in: Callable[[User], Client]
) -> None:
    row = reported()
    with pytest.raises(Conflict, match="Somebody else"):
        incidents.name_person(actor=member, incident=row, person=member, reason="x")
    incidents.name_person(actor=chair, incident=row, person=member, reason="A member's own vote.")
    assert subjects_of(row) == {member.pk}
    assert not listed(member).exists()
    assert listed(chair).exists()
    page = signed_in(member)
    assert page.get(f"/incidents/I-{row.number}").status_code == 404
    assert row.title not in page.get("/").content.decode()
    with pytest.raises(Absent):
        incidents.triage(actor=member, incident=row, kind="event", severity=3, reason="")
    assert [note.title for note in member.notices.all()] == [
        "An incident concerns you. Others look into it; they will come to you."
    ]
    with pytest.raises(Conflict, match="named already"):
        incidents.name_person(actor=chair, incident=row, person=member, reason="Again.")


@pytest.fixture
def in_review(contained: Make, member: User, chair: User) -> Callable[..., Incident]:
    def put(severity: int = 3) -> Incident:
        row = contained(severity)
        incidents.investigate(actor=member, incident=row)
        finding = Finding(incident=row, text="Nobody looked.", author_label="x", at=now())
        finding.save()
        for person in (member, chair):
            incidents.confirm(actor=person, incident=row)
        return incidents.to_review(actor=member, incident=row)

    return put


def test_a_review_has_people_words_and_a_digest_or_a_reason_why_there_is_none(
    in_review: Callable[..., Incident], chair: User, member: User
) -> None:
    row = in_review()
    with pytest.raises(Invalid, match="two people"):
        duties.hold_review(actor=chair, incident=row, attendees=[chair, chair], decisions="x")
    with pytest.raises(Invalid, match="what was decided"):
        duties.hold_review(actor=chair, incident=row, attendees=[chair, member], decisions=" ")
    held = duties.hold_review(
        actor=chair, incident=row, attendees=[chair, member], decisions="Two people from now on.",
        dissent="One would do.",
    )  # fmt: skip
    assert (held.attendees, len(held.digest)) == (["Chair", "Member"], 64)
    skipped = duties.hold_review(
        actor=chair, incident=row, attendees=[], decisions="It is small.", skipped=True
    )
    assert skipped.skipped
    types = LedgerEvent.objects.filter(type__startswith="incident.review_")
    assert sorted(types.values_list("type", flat=True)) == [
        "incident.review_held", "incident.review_skipped",
    ]  # fmt: skip


def test_a_correction_that_did_not_help_opens_the_incident_again(
    in_review: Callable[..., Incident], chair: User, member: User, operator: User
) -> None:
    row = in_review()
    action = Corrective(
        finding=row.findings.get(), type="training", text="Teach", owner=operator,
        due_on=now().date(), done_at=now(), verified_at=now(),
    )  # fmt: skip
    action.save()
    incidents.to_corrective(actor=member, incident=row)
    closed = incidents.close(actor=chair, incident=row, reason="Taught.")
    with pytest.raises(Invalid):
        duties.plan_check(actor=chair, action_id=action.pk, on=now().date(), metric="Errors")
    later = now().date() + dt.timedelta(days=30)
    duties.plan_check(actor=chair, action_id=action.pk, on=later, metric="Errors a week")
    assert not checks_due(chair).exists()
    Corrective.objects.update(check_on=now().date())
    assert checks_due(chair).get() == action
    with pytest.raises(NotPermitted):
        duties.check(actor=operator, action_id=action.pk, helped=True, words="It did.")
    duties.check(actor=chair, action_id=action.pk, helped=False, words="As many as before.")
    closed.refresh_from_db()
    action.refresh_from_db()
    assert (closed.status, action.failed_at is not None) == ("triaged", True)
    with pytest.raises(Conflict):
        duties.check(actor=chair, action_id=action.pk, helped=True, words="Now it does.")


def test_closing_waits_for_the_legal_periods(
    in_review: Callable[..., Incident], chair: User, member: User
) -> None:
    row = in_review()
    row = duties.classify(
        actor=chair, incident=row, criteria=["property"], asi_codes=[], reason="Money."
    )
    with pytest.raises(Conflict, match="Hold the review"):
        incidents.to_corrective(actor=member, incident=row)
    duties.hold_review(actor=chair, incident=row, attendees=[chair, member], decisions="x")
    Finding.objects.update(accepted="Small.")
    incidents.to_corrective(actor=member, incident=row)
    with pytest.raises(Conflict, match="legal period"):
        incidents.close(actor=chair, incident=row, reason="x")
    for clock in open_clocks(row):
        duties.set_aside(actor=chair, clock_id=clock.pk, reason="It does not apply.")
    assert incidents.close(actor=chair, incident=row, reason="x").status == "closed"


def test_each_duty_has_its_form_on_the_page(
    in_review: Callable[..., Incident], chair: User, member: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    row = in_review()
    page = signed_in(chair)
    at = f"/incidents/I-{row.number}"
    body = {"criteria": ["property"], "asi": ["ASI02"], "reason": "Money."}
    assert page.post(f"{at}/do/classify", body).status_code == 302
    shown = page.get(at).content.decode()
    assert "Art. 73(2)" in shown
    assert "becomes aware of the serious incident" in shown
    clock = open_clocks(row).get(code="26-5")
    assert page.post(f"{at}/do/meet", {"clock": clock.pk, "words": "Called."}).status_code == 302
    body = {"kind": "initial", "recipient": "Authority", "told-ongoing": "No."}
    assert page.post(f"{at}/do/prepare", body).status_code == 302
    report = row.reports.get()
    assert page.post(f"{at}/do/sent", {"report": report.pk}).status_code == 302
    body = {"attendees": [chair.pk, member.pk], "decisions": "Ask two."}
    assert page.post(f"{at}/do/hold-review", body).status_code == 302
    assert page.post(f"{at}/do/release", {"reason": "Done."}).status_code == 302
    refused = page.post(f"{at}/do/aside", {"clock": clock.pk, "reason": "x"})
    assert refused.status_code == 409
    assert page.post(f"{at}/do/meet", {"clock": "no", "words": "x"}).status_code == 404
