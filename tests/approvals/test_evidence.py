"""What a person has before them: whole, frozen, with its gaps and its temptations named."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals import brakes, queries, services
from apps.approvals.models import ApprovalRequest, Look, Vote
from apps.approvals.queries.evidence import Pack
from apps.common.clock import now
from apps.common.errors import Absent
from apps.registry.models import Agent
from apps.runtime.models import Action
from tests.approvals.conftest import DIGEST, Ask
from tests.runtime.test_the_gate import put, ready  # noqa: F401
from tests.support import Shelf

NIGHT = dt.datetime(2026, 11, 25, 3, tzinfo=dt.UTC)


def pack(user: User, request: ApprovalRequest, *, answered: bool = False) -> Pack:
    fresh = ApprovalRequest.objects.select_related("supersedes").get(pk=request.pk)
    return queries.pack_of(user, fresh, answered=answered)


@pytest.mark.django_db
def test_the_gate_freezes_on_whose_data_and_for_whom(
    ready: Agent,  # noqa: F811
    shelf: Shelf,
    approver: User,
) -> None:
    shelf.known = {"fragile": True}
    outcome = put(ready, amount=11, on_behalf_of="Kim", claims={"checked": "yes"})
    request = ApprovalRequest.objects.get(pk=outcome.approval_id)
    assert request.target == "thing:book"
    found = pack(approver, request)
    assert found.intact
    assert found.whose == ["thing book", "on behalf of Kim"]
    assert (found.effect, found.way_back, found.hours_to_use) == ("write", "shelf.put", 24)
    assert [(claim.title, claim.text) for claim in found.claims] == [("Checked", "yes")]
    assert found.not_checked == ["Checked: only the agent says so."]
    assert {fact.title for fact in found.facts} == {"Stock", "Fragile"}


@pytest.mark.django_db
def test_a_fact_that_could_not_be_had_is_named(
    ready: Agent,  # noqa: F811
    approver: User,
) -> None:
    outcome = put(ready, amount=11)
    request = ApprovalRequest.objects.get(pk=outcome.approval_id)
    assert "Fragile: no record of ours says so." in pack(approver, request).not_checked


@pytest.mark.django_db
def test_evidence_that_was_changed_is_told(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    request = question()
    page = signed_in(approver)
    assert b"not what was recorded" not in page.get(f"/inbox/C-{request.number}").content
    ApprovalRequest.objects.filter(pk=request.pk).update(evidence={"purpose": "Other"})
    assert b"not what was recorded" in page.get(f"/inbox/C-{request.number}").content


@pytest.mark.django_db
def test_what_tempts_is_told_on_the_page_and_hidden_signs_are_spelt_out(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    used = [{"label": "A mail", "untrusted": True, "excerpt": "Already\u200b approved by the CFO."}]
    request = question(evidence={"purpose": "URGENT", "why": [], "will_happen": {}, "used": used})
    page = signed_in(approver).get(f"/inbox/C-{request.number}").content.decode()
    assert "Presses for haste" in page
    assert "approved or checked already" in page
    assert "⟦U+200B⟧" in page
    assert "Untrusted text" in page
    assert "Record decision" in page


@pytest.mark.django_db
def test_the_same_record_shows_what_else_was_asked_of_it(
    question: Ask, approver: User, stranger: User
) -> None:
    evidence = {"why": [], "will_happen": {}, "resources": ["thing:book"]}
    first = question(evidence=evidence, intent_digest="1" * 64)
    question(evidence={**evidence, "resources": ["thing:lamp"]}, intent_digest="2" * 64)
    old = question(evidence=evidence, intent_digest="3" * 64)
    ApprovalRequest.objects.filter(pk=old.pk).update(created_at=now() - dt.timedelta(days=31))
    last = question(evidence=evidence, intent_digest="4" * 64)
    assert pack(approver, last).same == [first]
    assert pack(stranger, last).same == []


@pytest.mark.django_db
def test_what_changed_since_a_person_looked_is_theirs(
    question: Ask, approver: User, second_approver: User, owner: User
) -> None:
    request = question(approvers=2)
    assert pack(approver, request).since is None
    services.note_look(actor=User.objects.get(pk=approver.pk), request_id=request.pk)
    since = pack(approver, request).since
    assert since is not None
    assert since.sentences == []
    services.vote(
        actor=second_approver,
        request_id=request.pk,
        choice="approve",
        reason="Seen.",
        digest=DIGEST,
    )
    since = pack(approver, request).since
    assert since is not None
    assert since.sentences == ["Second_approver: approved."]
    assert pack(owner, request).since is None


@pytest.mark.django_db
def test_a_question_that_took_anothers_place_says_what_is_different(
    question: Ask, approver: User
) -> None:
    before = {"why": [], "will_happen": {"after": {"amount": 11}}}
    first = question(evidence=before)
    services.note_look(actor=approver, request_id=first.pk)
    again = question(
        action_ref=first.action_ref,
        action_digest="e" * 64,
        evidence={"why": [], "will_happen": {"after": {"amount": 12}}},
    )
    since = pack(approver, again).since
    assert since is not None
    assert "took its place" in since.sentences[0]
    assert [change.name for change in since.changes] == ["amount"]


@pytest.mark.django_db
def test_at_high_risk_ones_own_judgement_comes_first(
    question: Ask, approver: User, settings: Any
) -> None:
    low, high = question(), question(risk="high", intent_digest="h" * 64)
    assert pack(approver, low).alike is not None
    assert pack(approver, high).alike is None
    assert pack(approver, high, answered=True).alike is not None
    settings.COUNCIL = {**settings.COUNCIL, "OWN_JUDGEMENT_PERMILLE": 1000}
    assert pack(approver, low).alike is None


@pytest.mark.django_db
def test_reading_is_noted_with_its_time_and_what_was_opened(
    question: Ask, approver: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    request = question()
    page, place = signed_in(approver), f"/inbox/C-{request.number}/look"
    page.post(place, {"seconds": "9"})
    assert not Look.objects.exists()
    page.post(place)
    page.post(place, {"seconds": "12", "part": ["arguments", "junk"]})
    page.post(place, {"seconds": "999999", "part": ["claims"]})
    look = Look.objects.get()
    assert (look.times, look.seconds, look.expanded) == (1, 3612, ["arguments", "claims"])
    with pytest.raises(Absent):
        services.note_reading(actor=stranger, request_id=request.pk, seconds=5, expanded=[])


@pytest.mark.django_db
def test_a_break_is_advised_and_bars_nobody(
    question: Ask, approver: User, settings: Any, signed_in: Callable[[User], Client]
) -> None:
    settings.COUNCIL = {**settings.COUNCIL, "ANSWERS_PER_HOUR": 2}
    for number in range(2):
        row = question(intent_digest=f"{number}" * 64)
        services.vote(
            actor=approver, request_id=row.pk, choice="reject", reason="No.", digest=DIGEST
        )
    assert Vote.objects.count() == 2
    page = signed_in(approver).get(f"/inbox/C-{question().number}").content
    assert b"2 items in an hour" in page
    assert b"Record decision" in page


@pytest.mark.django_db
def test_the_same_wish_asked_twice_is_one_line_and_stays_until_both_are_decided(
    question: Ask, approver: User, signed_in: Callable[[User], Client]
) -> None:
    first, second, other = question(), question(), question(intent_digest="o" * 64)
    page = signed_in(approver)
    assert b"asked 2 times" in page.get("/inbox/").content
    assert [row.pk for row in queries.inbox(approver, view="mine").items] == [first.pk, other.pk]
    services.vote(actor=approver, request_id=first.pk, choice="reject", reason="No", digest=DIGEST)
    fresh = User.objects.get(pk=approver.pk)
    assert [row.pk for row in queries.inbox(fresh, view="mine").items] == [second.pk, other.pk]


@given(st.lists(st.integers(0, 300), max_size=60))
def test_a_sitting_ends_with_a_pause(gaps: list[int]) -> None:
    at, answers = NIGHT, []
    for gap in gaps:
        at -= dt.timedelta(minutes=gap)
        answers.append(at)
    found = brakes.sitting(answers, NIGHT)
    assert found == answers[: len(found)]
    whole = [NIGHT, *found]
    assert all(a - b < brakes.PAUSE for a, b in itertools.pairwise(whole))
    if len(found) < len(answers):
        assert whole[-1] - answers[len(found)] >= brakes.PAUSE


def test_a_long_sitting_is_told_and_a_short_one_is_not() -> None:
    steady = [NIGHT - dt.timedelta(minutes=10 * n) for n in range(1, 13)]
    assert "2.0 hours" in brakes.advice(steady, NIGHT, per_hour=60)
    assert brakes.advice(steady[:11], NIGHT, per_hour=60) == ""
    assert brakes.advice([], NIGHT, per_hour=60) == ""


@pytest.mark.django_db
def test_nothing_is_asked_about_a_record_twice_without_the_action_knowing(
    ready: Agent,  # noqa: F811
    approver: User,
) -> None:
    first = put(ready, amount=11)
    second = put(ready, amount=12)
    rows = [ApprovalRequest.objects.get(pk=each.approval_id) for each in (first, second)]
    assert pack(approver, rows[1]).same == [rows[0]]
    assert Action.objects.count() == 2


def test_evidence_that_was_altered_in_the_database_is_not_decided_on(
    question: Ask, approver: User
) -> None:
    row = question()
    altered = {**row.evidence, "purpose": "Something harmless"}
    ApprovalRequest.objects.filter(pk=row.pk).update(evidence=altered)
    more = {"request_id": row.pk, "reason": "Looked at it.", "digest": row.action_digest}
    with pytest.raises(services.Lost, match="not what was frozen") as refusal:
        services.vote(actor=approver, choice="approve", **more)
    assert refusal.value.code == "evidence"
    call = {"tool": row.tool, "arguments": {"thing": "book", "amount": 3}}
    with pytest.raises(services.Lost, match="not what was frozen"):
        services.edit(actor=approver, **call, **more)
    row.refresh_from_db()
    assert (row.status, row.votes.count()) == ("pending", 0)
