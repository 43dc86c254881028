"""The council's dates: one page, one file, nothing that a stranger sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals.models import Notice
from apps.common.clock import now
from apps.council.calendar import Entry, as_ics, folded
from apps.council.models import Certification
from apps.council.queries.calendar import calendar
from apps.council.services import certifications, emergency, sittings
from apps.ledger.models import LedgerEvent
from apps.policies.models import Policy, PolicyVersion
from apps.registry.models import Agent
from tests.council.support import Council, in_ballot

DAY = dt.timedelta(days=1)


def test_every_kind_of_date_is_on_it(
    base: PolicyVersion, council: Council, agent: Agent, signed_in: Callable[[User], Client],
    stranger: User,
) -> None:  # fmt: skip
    in_ballot(base, council)
    sittings.call_sitting(
        actor=council["chair"], title="November", starts_at=now() + DAY, place="Room 4"
    )
    measure = emergency.ask_measure(
        actor=council["security"], kind="suspend_agent", target=agent.slug, reason="Wild."
    )
    emergency.second_measure(actor=council["chair"], measure=measure)
    certifications.keep_certifications()
    kinds = {entry.kind for entry in calendar(council["risk"], DAY)}
    assert kinds == {
        "Ballot closes", "Sitting", "Measure lapses", "Report due", "To be certified",
    }  # fmt: skip
    assert calendar(stranger, DAY) == []
    member = signed_in(council["risk"])
    page = member.get("/council/calendar").content.decode()
    assert "S-1001 November" in page
    answer = member.get("/council/calendar.ics")
    assert answer["Content-Type"].startswith("text/calendar")
    assert "SUMMARY:Sitting: S-1001 November" in answer.content.decode()
    for url in ("/council/calendar", "/council/calendar.ics", "/council/seats"):
        assert signed_in(stranger).get(url).status_code == 404


def test_the_file_keeps_what_people_write_inside_its_lines() -> None:
    entry = Entry("k", dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), "Sitting",
                  "A; B, C\r\nBEGIN:VEVENT\\", "/x")  # fmt: skip
    text = as_ics([entry], made_at=entry.at, base="https://c")
    assert text.count("BEGIN:VEVENT\r\n") == 1
    assert "SUMMARY:Sitting: A\\; B\\, C BEGIN:VEVENT\\\\\r\n" in text
    assert "DTSTART:20260102T030400Z\r\n" in text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_lines_are_folded_at_75_octets_and_unfold_to_themselves(text: str) -> None:
    lines = folded(text).split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert "".join([lines[0], *[line[1:] for line in lines[1:]]]) == text


def test_policies_have_a_day_and_the_council_is_told_thirty_days_before(
    base: PolicyVersion, council: Council, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    certifications.keep_certifications()
    policy = Policy.objects.get(pk=base.policy_id)
    assert policy.review_by == (now() + dt.timedelta(days=180)).date()
    told = Notice.objects.filter(user=council["risk"], title__contains=f": {policy}")
    assert not told.exists()
    row = Certification.objects.get(object_type="policy")
    for days, shown in ((20, "by"), (-3, "Overdue")):
        policy.review_by = (now() + dt.timedelta(days=days)).date()
        policy.save()
        certifications.keep_certifications()
        certifications.keep_certifications()
        row.refresh_from_db()
        assert row.due_on == policy.review_by
        page = signed_in(council["risk"]).get("/council/").content.decode()
        assert "To be looked at again within 30 days" in page
        assert shown in page
    assert told.count() == 2
    base.refresh_from_db()
    assert base.status == "in_force"
    certifications.certify(actor=council["risk"], certification=row, reason="Still right.")
    policy.refresh_from_db()
    assert policy.review_by == (now() + dt.timedelta(days=180)).date()
    assert LedgerEvent.objects.filter(type="policy.review_set").count() == 2
