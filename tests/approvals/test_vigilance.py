"""Known-answer items: made, reviewed, mixed in, answered blind, revealed, and never carried out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals import planting, queries, services
from apps.approvals.models import (
    ApprovalRequest,
    Checkpoint,
    Edit,
    Exposure,
    Notice,
    Question,
    Scope,
    SecondLook,
    Seed,
    SeedTemplate,
    Vote,
)
from apps.approvals.services import vigilance
from apps.approvals.signals import decided
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from apps.runtime.models import Action
from tests.approvals.conftest import Ask
from tests.approvals.test_levels import at_level, drawn  # noqa: F401

pytestmark = pytest.mark.django_db
TEN_TIMES = [
    {"path": "arguments.amount", "do": "times", "value": 10},
    {"path": "will_happen.after.amount", "do": "times", "value": 10},
]
EVIDENCE = {
    "purpose": "Restock the shelf",
    "why": [{"sentence": "More than ten."}],
    "will_happen": {"sentence": "Put 1100 books", "before": {}, "after": {"amount": 1100}},
    "arguments": {"thing": "book", "amount": 1100},
    "facts": {},
    "judged_id": None,
}


@pytest.fixture
def past(question: Ask, second_approver: User) -> ApprovalRequest:
    """An item that the second approver decided and that was carried out."""
    request = question(title="Put 1100 books", evidence=EVIDENCE, intent_digest="p" * 64)
    answer(second_approver, request)
    ApprovalRequest.objects.filter(pk=request.pk).update(execution="succeeded")
    return request


@pytest.fixture
def template(administrator: User, past: ApprovalRequest) -> SeedTemplate:
    return services.save_template(
        actor=administrator,
        slug="ten-times",
        tool="shelf.put",
        title="Ten times the amount",
        edits=TEN_TIMES,
        defect="The amount is ten times what was ordered.",
        clue="The order says 1100.",
    )


@pytest.fixture
def ready(template: SeedTemplate, administrator: User, chair: User) -> Seed:
    (made,) = services.make_seeds(actor=administrator, template=template)
    services.review_seed(actor=chair, seed=made, use=True)
    services.switch_programme(actor=chair, on=True, reason="Announced to all approvers")
    made.refresh_from_db()
    return made


def answer(person: User, request: ApprovalRequest, choice: str = "approve") -> ApprovalRequest:
    return services.vote(
        actor=person,
        request_id=request.pk,
        choice=choice,
        reason="Looked at it.",
        digest=request.action_digest,
    )


def shown_to(person: User) -> ApprovalRequest:
    exposure = vigilance.mix_in(user=person, lot=0)
    assert exposure is not None
    return exposure.request


def test_a_planted_item_is_followed_through_its_words_and_keeps_the_rest() -> None:
    found = planting.plant("Put 1100 books", "1,100 is much", EVIDENCE, TEN_TIMES)
    assert found.title == "Put 11000 books"
    assert found.summary == "11,000 is much"
    assert found.evidence["arguments"]["amount"] == 11_000
    assert found.evidence["purpose"] == EVIDENCE["purpose"]
    assert EVIDENCE["arguments"]["amount"] == 1100  # type: ignore[index]
    assert "judged_id" not in found.evidence


@given(st.text(alphabet="ABC0123456789 ", max_size=30))
def test_changed_digits_are_other_digits_of_the_same_length(text: str) -> None:
    if len({sign for sign in text if sign.isdigit()}) < 2:
        with pytest.raises(planting.Unfit):
            planting.other_digits(text, "iban")
        return
    found = planting.other_digits(text, "iban")
    assert found != text
    assert sorted(found) == sorted(text)


@pytest.mark.parametrize(
    "edits",
    ["x", [1], [{"path": 1}], [{"path": "a", "do": "burn"}], [{"path": "a", "do": "times"}],
     [{"path": "a", "do": "append", "value": 3}]],
)  # fmt: skip
def test_a_bad_edit_is_told(edits: Any) -> None:
    assert planting.edits_problem(edits)


def test_a_past_item_without_the_place_is_passed_over(
    administrator: User, past: ApprovalRequest
) -> None:
    template = services.save_template(
        actor=administrator,
        slug="iban",
        tool="shelf.put",
        title="Another account",
        edits=[{"path": "arguments.iban", "do": "digits"}],
        defect="Another account",
        clue="The account on record",
    )
    with pytest.raises(Conflict, match="No past item fits"):
        services.make_seeds(actor=administrator, template=template)


def test_a_second_person_reviews_an_item_before_it_is_used(
    template: SeedTemplate, administrator: User, chair: User, approver: User
) -> None:
    (made,) = services.make_seeds(actor=administrator, template=template)
    with pytest.raises(NotPermitted):
        services.review_seed(actor=administrator, seed=made, use=True)
    with pytest.raises(NotPermitted):
        services.review_seed(actor=approver, seed=made, use=True)
    services.switch_programme(actor=chair, on=True, reason="Announced")
    assert vigilance.mix_in(user=approver, lot=0) is None
    services.review_seed(actor=chair, seed=made, use=True)
    assert vigilance.mix_in(user=approver, lot=0) is not None


def test_nothing_is_mixed_in_while_the_programme_is_off_or_quiet(
    ready: Seed, chair: User, approver: User
) -> None:
    vigilance.QUIET.append(lambda: True)
    try:
        assert vigilance.mix_in(user=approver, lot=0) is None
    finally:
        vigilance.QUIET.pop()
    services.switch_programme(actor=chair, on=False, reason="A pause")
    assert vigilance.mix_in(user=approver, lot=0) is None
    told = LedgerEvent.objects.filter(type="vigilance.switched")
    assert {event.stream for event in told} == {"vigilance"}
    with pytest.raises(NotPermitted):
        services.switch_programme(actor=approver, on=True, reason="Mine")


def test_a_seed_looks_like_any_item_to_its_person_and_exists_for_nobody_else(
    ready: Seed, approver: User, second_approver: User, auditor: User, signed_in: Any
) -> None:
    request = shown_to(approver)
    assert request in queries.open_for(approver)
    for other in (second_approver, auditor):
        assert request not in queries.visible(other)
        path = f"/inbox/C-{request.number}"
        assert signed_in(other).get(path).status_code == 404
    page = signed_in(approver).get(f"/inbox/C-{request.number}")
    assert page.status_code == 200
    assert b"known-answer" not in page.content.lower()
    assert b"Record decision" in page.content
    services.claim(actor=approver, request_id=request.pk)
    services.release(actor=approver, request_id=request.pk)
    services.note_look(actor=approver, request_id=request.pk)


def test_an_approved_seed_has_no_effect_and_is_in_no_figure(
    ready: Seed, approver: User, auditor: User
) -> None:
    """Acceptance 12."""
    heard: list[Any] = []

    def hear(**kwargs: Any) -> None:
        heard.append(kwargs)

    decided.connect(hear, weak=False)
    try:
        request = shown_to(approver)
        before = queries.insight(auditor).statuses
        ended = answer(approver, request)
    finally:
        decided.disconnect(hear)
    assert (ended.status, ended.execution, ended.execute_by) == ("approved", "none", None)
    assert not services.dispatch(request_id=request.pk, action_digest=request.action_digest)
    assert not services.mark_execution(request_id=request.pk, execution="dispatched")
    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalRequest.with_seeds.filter(pk=request.pk).update(execution="dispatched")
    assert heard == []
    assert not Action.objects.exists()
    assert queries.insight(auditor).statuses == before
    assert not Vote.objects.filter(request=request).exists()
    assert not ApprovalRequest.objects.filter(pk=request.pk).exists()
    assert queries.turned_down(request.agent_id, request.intent_digest) == 0


def test_the_answer_is_recorded_blind_and_then_revealed(ready: Seed, approver: User) -> None:
    request = shown_to(approver)
    answer(approver, request)
    events = {each.type: each for each in LedgerEvent.objects.filter(object_id=str(request.pk))}
    assert set(events) == {"seed.answered", "seed.revealed"}
    assert "defect" not in (events["seed.answered"].after or {})
    assert events["seed.revealed"].outcome == "missed"
    assert "ten times" in (events["seed.revealed"].after or {})["defect"]
    exposure = Exposure.objects.get()
    assert (exposure.choice, exposure.right) == ("approve", False)
    with pytest.raises(Conflict):
        answer(approver, request)


def test_turning_it_down_finds_it_and_so_does_sending_it_back(ready: Seed, approver: User) -> None:
    for choice in ("reject", "return"):
        answer(approver, shown_to(approver), choice)
    assert list(Exposure.objects.values_list("right", flat=True)) == [True, True]
    assert queries.vigilance_of(approver).found.hits == 2


@pytest.mark.parametrize("verb", ["escalate", "edit", "ask"])
def test_whatever_else_is_done_to_a_seed_finds_it_and_reaches_nobody(
    verb: str, ready: Seed, approver: User, operator: User
) -> None:
    request = shown_to(approver)
    if verb == "escalate":
        services.escalate(actor=approver, request_id=request.pk, reason="Ten times too much?")
    elif verb == "edit":
        services.edit(
            actor=approver,
            request_id=request.pk,
            tool=request.tool,
            arguments={"thing": "book", "amount": 1100},
            reason="Ten times too much.",
            digest=request.action_digest,
        )
    else:
        asked = {"asked": operator, "text": "Ten times too much?"}
        assert services.ask_back(actor=approver, request_id=request.pk, **asked) is None
    exposure = Exposure.objects.get()
    assert (exposure.right, exposure.reason[:9]) == (True, "Ten times")
    assert not Notice.objects.filter(user=operator).exists()
    assert not Edit.objects.exists()
    assert not Question.objects.exists()
    assert not ApprovalRequest.objects.filter(status="pending").exists()


def test_a_seed_is_shown_three_times_at_most_and_one_at_a_time(ready: Seed, approver: User) -> None:
    for _ in range(3):
        request = shown_to(approver)
        assert vigilance.mix_in(user=approver, lot=0) is None
        answer(approver, request, "reject")
    assert vigilance.mix_in(user=approver, lot=0) is None


def test_nobody_meets_their_own_past_item_or_one_they_made(
    ready: Seed, second_approver: User, owner: User
) -> None:
    assert vigilance.mix_in(user=second_approver, lot=0) is None
    assert vigilance.mix_in(user=owner, lot=0) is None


def test_a_seed_that_nobody_answers_is_withdrawn_without_a_score(
    ready: Seed, approver: User
) -> None:
    request = shown_to(approver)
    assert services.withdraw_due() == 0
    moment = now()
    ApprovalRequest.with_seeds.filter(pk=request.pk).update(
        decide_by=moment - dt.timedelta(seconds=1), respond_by=moment - dt.timedelta(seconds=2)
    )
    services.expire_due()
    assert ApprovalRequest.with_seeds.get(pk=request.pk).status == "pending"
    assert services.withdraw_due() == 1
    assert ApprovalRequest.with_seeds.get(pk=request.pk).status == "expired"
    assert queries.vigilance_of(approver).found.number == 0


def test_about_one_answer_in_forty_draws_a_seed() -> None:
    lots = sum(planting.selected("s", 25, "seed", 1, n) for n in range(8_000))
    assert 0.02 <= lots / 8_000 <= 0.03


def test_a_real_answer_may_mix_one_in_and_a_seeds_own_never_does(
    ready: Seed, question: Ask, approver: User, settings: Any
) -> None:
    settings.COUNCIL = {**settings.COUNCIL, "SEED_PERMILLE": 1000}
    answer(approver, question(intent_digest="n" * 64))
    request = Exposure.objects.get().request
    answer(approver, request, "reject")
    assert Exposure.objects.count() == 1


def test_too_many_misses_bar_deciding_together(ready: Seed, approver: User, question: Ask) -> None:
    for number in range(5):
        exposure_of(ready, approver, right=number == 0)
    assert queries.misses_defects(approver)
    rows = [question(intent_digest=f"{n}" * 64) for n in range(3)]
    items = [(row.pk, row.action_digest) for row in rows]
    with pytest.raises(Invalid, match="one by one"):
        services.vote_many(actor=approver, items=items, choice="approve", reason="Alike")


def exposure_of(seed: Seed, user: User, *, right: bool) -> Exposure:
    """An answer of the past."""
    exposure = vigilance.show(seed, user)
    ApprovalRequest.with_seeds.filter(pk=exposure.request_id).update(
        status="rejected" if right else "approved", decided_at=now()
    )
    Exposure.objects.filter(pk=exposure.pk).update(
        decided_at=now(), choice="reject" if right else "approve", right=right
    )
    return exposure


def test_a_queue_that_misses_too_much_is_reviewed_whole_again(
    drawn: Agent,  # noqa: F811
    ready: Seed,
    approver: User,
    checkpoint: Checkpoint,
    question: Ask,
) -> None:
    at_level(drawn, 3)
    request = question(intent_digest="f" * 64)
    services.scopes.note_finding(
        Scope.objects.get(), request.action_ref, "random", "fine", request=request
    )
    for _ in range(planting.SAY - 1):
        exposure_of(ready, approver, right=True)
    vigilance.after_miss(approver, ready)
    assert not Scope.objects.get().held
    for _ in range(9):
        exposure_of(ready, approver, right=False)
    vigilance.after_miss(approver, ready)
    assert Scope.objects.get().held


def test_sums_are_shown_from_thirty_items_on(
    ready: Seed, approver: User, chair: User, signed_in: Callable[[User], Client]
) -> None:
    for _ in range(29):
        exposure_of(ready, approver, right=True)
    page = signed_in(chair)
    assert b"too few (29 of 30)" in page.get("/inbox/vigilance").content
    exposure_of(ready, approver, right=False)
    (row,) = queries.vigilance_by_queue()
    assert (row.found.hits, row.found.number) == (29, 30)
    assert row.residual == 0.0
    assert b"too few (30" not in page.get("/inbox/vigilance").content


def test_ones_own_figures_are_on_ones_own_page_alone(
    ready: Seed, approver: User, chair: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    request = shown_to(approver)
    page = signed_in(approver)
    place = f"/inbox/C-{request.number}/decide"
    answered = page.post(
        place, {"choice": "approve", "reason": "Fine", "digest": request.action_digest}
    )
    assert answered["Location"].endswith(f"C-{request.number}/reveal")
    assert b"The order says 1100." in page.get(answered["Location"]).content
    assert b"0 of 1" in page.get("/inbox/my-vigilance").content
    for other in (chair, stranger):
        assert signed_in(other).get(answered["Location"]).status_code == 404
    assert str(approver).encode() not in signed_in(chair).get("/inbox/vigilance").content
    assert signed_in(approver).get("/inbox/vigilance").status_code == 404


def test_a_second_look_is_blind_and_changes_nothing(
    past: ApprovalRequest,
    approver: User,
    second_approver: User,
    owner: User,
    signed_in: Callable[[User], Client],
) -> None:
    SecondLook.objects.create(request=past, drawn_at=now())
    past.refresh_from_db()
    for other in (second_approver, owner):
        with pytest.raises(NotPermitted):
            services.take_second_look(actor=other, request=past, choice="approve")
    page = signed_in(approver)
    place = f"/inbox/second-looks/C-{past.number}"
    assert past.title.encode() in page.get("/inbox/second-looks").content
    shown = page.get(place).content
    assert b"Looked at it." not in shown
    assert page.post(place, {"choice": "reject"}).status_code == 302
    assert page.get(place).status_code == 404
    assert SecondLook.objects.get().agrees is False
    past.refresh_from_db()
    assert past.status == "approved"
    own = queries.vigilance_of(second_approver).agreement
    assert (own.hits, own.number) == (0, 1)


@given(st.lists(st.sampled_from(["approve", "reject", "return"]), max_size=12))
def test_a_run_is_what_came_since_the_last_no(choices: list[str]) -> None:
    run = planting.run_of(choices)
    assert set(choices[:run]) <= {"approve"}
    assert run == len(choices) or choices[run] != "approve"


def test_the_programme_is_run_on_its_page(
    template: SeedTemplate, administrator: User, chair: User, signed_in: Callable[[User], Client]
) -> None:
    page, second = signed_in(administrator), signed_in(chair)
    bad = page.post(
        "/inbox/vigilance/template",
        {"slug": "x", "tool": "no.such", "title": "X", "answer": "reject", "edits": "[]"},
    )
    assert bad.status_code == 422
    good = page.post(
        "/inbox/vigilance/template",
        {"slug": "clean", "tool": "shelf.put", "title": "Clean", "answer": "approve",
         "edits": "[]"},
    )  # fmt: skip
    assert good.status_code == 302
    page.post(f"/inbox/vigilance/template/{template.pk}/make")
    made = Seed.objects.get()
    place = f"/inbox/vigilance/item/{made.pk}"
    assert b"other than its maker" in page.get(place).content
    second.post(place, {"act": "use", "note": ""})
    made.refresh_from_db()
    assert made.status == "ready"
    second.post("/inbox/vigilance", {"on": "yes", "reason": "Announced"})
    assert b"Switch it off" in second.get("/inbox/vigilance").content
    second.post(place, {"act": "retire", "note": "Known by now"})
    made.refresh_from_db()
    assert made.status == "retired"
