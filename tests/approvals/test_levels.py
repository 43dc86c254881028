"""How much people see: whole for what is new, less for what was earned, whole again at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals import levels, loosening, queries, services
from apps.approvals.models import (
    ApprovalRequest,
    Checkpoint,
    Finding,
    Scope,
    SeenTrait,
    Skipped,
)
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from apps.runtime import sampling
from apps.runtime.models import Action
from tests.runtime.test_the_gate import approve, put
from tests.support import Shelf

pytestmark = pytest.mark.django_db
DRAWN = """
@id("many")
@reason("More than ten.")
@checkpoint("shelf")
@sampled("")
forbid (principal, action == Action::"shelf.put", resource)
when { context.args.amount > 10 }
unless { context.approvals.contains("shelf") };
"""


@pytest.fixture
def drawn(agent: Agent, policy: Callable[..., Any], checkpoint: Checkpoint) -> Agent:
    policy(DRAWN)
    loosening.let_draw(checkpoint=checkpoint, rate=5, reason="Cast")
    return agent


def at_level(agent: Agent, level: int, *, known: bool = True) -> Scope:
    """The scope as the council would have brought it there, with its traits well known."""
    scope = services.scope_for(agent, "shelf.put", agent.risk_tier)
    for step in range(scope.level + 1, level + 1):
        scope = loosening.promote(scope=scope, to=step, reason="Cast")
    if known:
        for _ in range(levels.SEEN_ENOUGH):
            known_traits = {"args.amount=10^1", "facts.stock=0", "facts.stock=10^1"}
            services.scopes.count_traits(scope, known_traits)
    return scope


def many(agent: Agent, number: int = 60) -> list[Any]:
    return [put(agent, thing=f"thing {n}", amount=11) for n in range(number)]


def test_a_capability_begins_with_every_action_reviewed(drawn: Agent) -> None:
    assert {outcome.status for outcome in many(drawn, 20)} == {"waiting"}
    assert not Skipped.objects.exists()


def test_at_a_level_the_draw_selects_its_share_and_the_rest_is_listed(drawn: Agent) -> None:
    at_level(drawn, 4)
    outcomes = many(drawn)
    seen = [outcome for outcome in outcomes if outcome.status == "waiting"]
    assert 0 < len(seen) + 1 < 20
    assert Skipped.objects.count() == 60 - len(seen)
    row = Skipped.objects.order_by("at").first()
    assert row is not None
    assert (row.percent, row.queue.slug, row.tool) == (5, "shelf", "shelf.put")
    action = Action.objects.get(pk=row.action_ref)
    assert (action.sampled_out, action.verdict, action.status) == (True, "allow", "done")
    assert row.evidence["arguments"]["amount"] == 11


def test_the_same_wish_keeps_its_draw(drawn: Agent) -> None:
    at_level(drawn, 4)
    first = [outcome.status for outcome in many(drawn)]
    assert [outcome.status for outcome in many(drawn)] == first


@given(st.text(min_size=1, max_size=20), st.integers(1, 99))
def test_a_higher_rate_only_adds_to_what_is_seen(intent: str, rate: int) -> None:
    if sampling.selected("shelf", intent, rate):
        assert sampling.selected("shelf", intent, rate + 1)
    assert sampling.selected("shelf", intent, 100)


def test_a_new_version_starts_at_a_hundred_percent(drawn: Agent, shelf: Shelf) -> None:
    """Acceptance 14."""
    at_level(drawn, 4)
    assert "done" in {outcome.status for outcome in many(drawn, 20)}
    drawn.version += 1
    drawn.save()
    services.scopes.bump()
    later = [put(drawn, thing=f"later {n}", amount=11) for n in range(20)]
    assert {outcome.status for outcome in later} == {"waiting"}


def test_a_hard_checkpoint_and_critical_risk_are_always_seen(
    drawn: Agent, checkpoint: Checkpoint
) -> None:
    scope = at_level(drawn, 4)
    checkpoint.refresh_from_db()
    checkpoint.hard = True
    checkpoint.save()
    assert {outcome.status for outcome in many(drawn, 20)} == {"waiting"}
    assert levels.percent(4, "critical", held=False) == 100
    scope.risk = "critical"
    with pytest.raises(Exception, match="critical_risk"):
        scope.save()


def test_the_rules_own_rate_is_the_least_that_is_seen(drawn: Agent, checkpoint: Checkpoint) -> None:
    at_level(drawn, 4)
    loosening.let_draw(checkpoint=checkpoint, rate=100, reason="All of them")
    assert {outcome.status for outcome in many(drawn, 20)} == {"waiting"}


def test_what_people_have_rarely_seen_is_never_skipped(drawn: Agent) -> None:
    at_level(drawn, 4, known=False)
    assert {outcome.status for outcome in many(drawn, 20)} == {"waiting"}
    request = ApprovalRequest.objects.order_by("created_at")[0]
    told = [row.rule["sampling"] for row in ApprovalRequest.objects.all()]
    assert any(not each["random"] and each["novel"] for each in told)
    assert request.rule["sampling"]["percent"] == 5


def test_back_to_full_review_holds_from_the_next_action_on(drawn: Agent, auditor: User) -> None:
    at_level(drawn, 4)
    assert services.tighten(agent=drawn, reason="Contained") == 1
    assert services.tighten(agent=drawn, reason="Contained") == 0
    assert {outcome.status for outcome in many(drawn, 20)} == {"waiting"}
    assert Scope.objects.get().level == 4
    assert LedgerEvent.objects.filter(type="scope.tightened").count() == 1


def test_one_person_suffices_to_go_back_up_and_not_every_person_may(
    drawn: Agent, approver: User, auditor: User
) -> None:
    scope = at_level(drawn, 3)
    with pytest.raises(NotPermitted):
        services.review_everything(actor=auditor, scope=scope, reason="Looks odd")
    with pytest.raises(Invalid):
        services.review_everything(actor=approver, scope=scope, reason=" ")
    services.review_everything(actor=approver, scope=scope, reason="Looks odd")
    assert Scope.objects.get().held


@pytest.mark.parametrize(
    ("risk", "level", "wanted", "held", "words"),
    [
        ("low", 1, 3, False, "one step"),
        ("high", 3, 4, False, "never rises"),
        ("critical", 1, 2, False, "never rises"),
        ("low", 2, 3, True, "full review"),
        ("low", 3, 4, False, ""),
    ],
)
def test_a_level_rises_by_one_step_where_the_risk_allows(
    risk: str, level: int, wanted: int, held: bool, words: str
) -> None:
    problem = levels.step_problem(level, wanted, risk, held=held)
    assert (words in problem) if words else problem == ""


def test_a_level_is_not_raised_for_a_version_that_has_been_replaced(drawn: Agent) -> None:
    scope = at_level(drawn, 2)
    drawn.version += 1
    drawn.save()
    with pytest.raises(Conflict, match="taken the place"):
        loosening.promote(scope=scope, to=3, reason="Late")


def test_a_level_that_is_taken_back_begins_a_new_attempt(drawn: Agent) -> None:
    scope = services.demote(scope=at_level(drawn, 3), to=1, reason="Drift")
    assert (scope.level, scope.attempt) == (1, 2)
    with pytest.raises(Conflict):
        services.demote(scope=scope, to=1, reason="Again")


def test_an_answer_to_a_drawn_question_is_evidence(drawn: Agent, approver: User) -> None:
    outcome = put(drawn, amount=11)
    approve(outcome.approval_id, approver)
    finding = Finding.objects.get()
    assert (finding.origin, finding.severity, finding.scope.tool) == ("random", "fine", "shelf.put")
    assert finding.scope.traits.get(trait="args.amount=10^1").reviewed == 1
    assert queries.counts_of(finding.scope) == {"fine": 1}


def test_the_page_and_the_motion_say_how_far_the_reviews_bear_the_next_level(
    drawn: Agent, approver: User, operator: User, signed_in: Callable[[User], Client]
) -> None:
    outcome = put(drawn, amount=11)
    approve(outcome.approval_id, approver)
    scope = Finding.objects.get().scope
    found = queries.evidence_of_scope(scope)
    assert found is not None
    assert (found.tolerance, found.percent, found.clean) == (0.02, 0, 406)
    page = signed_in(operator).get("/inbox/levels").content.decode()
    assert "about 406 more without a fault; tolerated loss 2.0 %" in page
    services.tighten(scope=scope, reason="Doubt")
    assert queries.evidence_of_scope(Scope.objects.get()) is None
    assert (
        "none while under full review" in signed_in(operator).get("/inbox/levels").content.decode()
    )


def test_an_answer_at_a_hard_checkpoint_earns_nothing(
    agent: Agent, policy: Callable[..., Any], checkpoint: Checkpoint, approver: User
) -> None:
    policy(DRAWN)
    outcome = put(agent, amount=11)
    approve(outcome.approval_id, approver)
    assert not Finding.objects.exists()
    assert not Scope.objects.exists()


def test_an_approval_that_was_taken_back_is_no_evidence(
    drawn: Agent, approver: User, second_thoughts: None
) -> None:
    outcome = put(drawn, amount=11)
    approve(outcome.approval_id, approver)
    scope = Scope.objects.get()
    assert queries.counts_of(scope) == {"fine": 1}
    seen = dict(SeenTrait.objects.values_list("trait", "reviewed"))
    assert set(seen.values()) == {1}
    again = services.undo(actor=approver, request_id=outcome.approval_id)
    assert queries.counts_of(scope) == {}
    assert set(SeenTrait.objects.values_list("reviewed", flat=True)) == {0}
    approve(again.pk, approver)
    assert queries.counts_of(scope) == {"fine": 1}
    assert dict(SeenTrait.objects.values_list("trait", "reviewed")) == seen


def test_a_later_look_counts_only_against(drawn: Agent, approver: User, owner: User) -> None:
    scope = at_level(drawn, 4)
    many(drawn)
    first, second, third = Skipped.objects.order_by("at")[:3]
    with pytest.raises(NotPermitted):
        services.review_skipped(actor=owner, skipped=first, severity="fine", note="")
    with pytest.raises(Invalid):
        services.review_skipped(actor=approver, skipped=first, severity="minor", note=" ")
    services.review_skipped(actor=approver, skipped=first, severity="fine", note="")
    services.review_skipped(actor=approver, skipped=second, severity="minor", note="Late")
    assert queries.counts_of(scope) == {"minor": 1}
    with pytest.raises(Conflict):
        services.review_skipped(actor=approver, skipped=first, severity="minor", note="Again")
    assert not Scope.objects.get().held
    services.review_skipped(actor=approver, skipped=third, severity="major", note="Wrong shelf")
    assert Scope.objects.get().held
    assert put(drawn, thing="next", amount=11).status == "waiting"


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans())
def test_every_number_has_a_range_and_its_opposite_another(number: float, yes: bool) -> None:
    assert levels.trait(number, {})
    assert levels.trait(yes, {}) in ("yes", "no")
    if abs(number) >= 1 and number not in (float("inf"), float("-inf")):
        assert levels.range_of(number) != levels.range_of(-number)


def test_free_text_is_no_trait_and_a_listed_word_is() -> None:
    schema = {"properties": {"currency": {"enum": ["EUR"]}, "kind": {"x-category": True}}}
    values = {"currency": "EUR", "kind": "credit", "note": "Hello", "lines": [1]}
    assert levels.traits(values, schema, "args") == {"args.currency=EUR", "args.kind=credit"}


def test_the_pages_show_levels_and_what_nobody_saw(
    drawn: Agent, approver: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    at_level(drawn, 4)
    many(drawn, 30)
    page = signed_in(approver)
    assert b"One in twenty reviewed" in page.get("/inbox/levels").content
    row = Skipped.objects.order_by("at")[0]
    assert row.title.encode() in page.get("/inbox/skipped").content
    place = f"/inbox/skipped/{row.pk}"
    assert b"What do you find" in page.get(place).content
    empty = page.post(place, {"severity": "major", "note": ""})
    assert empty.status_code == 422
    assert page.post(place, {"severity": "fine", "note": ""}).status_code == 302
    assert page.post(place, {"severity": "fine", "note": ""}).status_code == 409
    assert row.title.encode() in page.get("/inbox/skipped?view=done").content
    scope = Scope.objects.get()
    assert page.post(f"/inbox/levels/{scope.pk}/tighten", {"reason": "Odd"}).status_code == 302
    assert b"Full review" in page.get("/inbox/levels").content
    out = signed_in(stranger)
    for path in ("/inbox/levels", "/inbox/skipped", place):
        assert out.get(path).status_code == 404
