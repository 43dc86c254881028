"""A draft replayed over what happened; and versions that run in shadow."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.policies import backtests, proof, replay
from apps.policies.adoption import enforce
from apps.policies.bench import Bench
from apps.policies.models import (
    Backtest,
    BacktestFlip,
    BacktestStretch,
    JudgedRequest,
    PolicyVersion,
    ShadowFlip,
)
from apps.policies.pairs import Pair
from apps.policies.rules import outline
from apps.policies.services import mark_answer, remove_case, save_case, save_draft, set_shadow
from apps.policies.text import compile_text
from apps.registry.models import Agent
from apps.runtime import gate
from apps.runtime.rules import CallContext
from tests.policies.test_analysis import CONDITIONS, REQUESTS
from tests.policies.test_analysis import SPEC as PAY
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS

KEYS = itertools.count(1)


@pytest.fixture
def base(agent: Agent, checkpoint: Any, policy: Callable[..., Any]) -> PolicyVersion:
    version: PolicyVersion = policy(ASK_ABOVE_TEN, slug="shelf-rules")
    return version


def put(agent: Agent, thing: str, amount: int) -> JudgedRequest:
    gate.attempt(
        agent_id=agent.pk,
        tool="shelf.put",
        arguments={"thing": thing, "amount": amount},
        call=CallContext(idem_key=f"k{next(KEYS)}"),
    )
    return JudgedRequest.objects.order_by("-at", "-pk").first()  # type: ignore[return-value]


def draft(base: PolicyVersion, text: str) -> PolicyVersion:
    return save_draft(actor=None, policy=base.policy, text=text)


def run(version: PolicyVersion, **options: Any) -> Backtest:
    row = backtests.start_backtest(actor=None, version=version, **options)
    while replay.work_on(row.pk):
        pass
    row.refresh_from_db()
    return row


ASK_ABOVE_HUNDRED = ASK_ABOVE_TEN.replace("10", "100")


def test_flips_are_counted_by_pair_agent_and_tool_and_linked(
    base: PolicyVersion, agent: Agent, member: User, signed_in: Callable[[User], Client]
) -> None:
    for amount in (1, 11, 50, 500):
        put(agent, "book", amount)
    found = run(draft(base, ASK_ABOVE_HUNDRED + FORBID_GLASS))
    assert (found.status, found.done, found.total) == ("done", 4, 4)
    assert found.summary["pairs"] == {"review→allow": 2}
    assert found.summary["agents"] == {"clerk": 2}
    assert found.summary["tools"] == {"shelf.put": 2}
    assert found.summary["reviews"] == -2
    assert backtests.review_hours(found.summary) < 0
    assert found.flips.count() == 2
    flip = found.flips.first()
    assert flip is not None
    judged = signed_in(member).get(f"/policies/judged/{flip.judged_id}")
    assert "shelf.put by clerk" in judged.content.decode()


def test_what_a_person_rejected_and_would_now_be_allowed_blocks(
    base: PolicyVersion, agent: Agent
) -> None:
    judged = put(agent, "book", 50)
    mark_answer(judged_id=judged.pk, answer="rejected")
    version = draft(base, ASK_ABOVE_HUNDRED)
    found = run(version)
    assert found.blocking == 1
    assert BacktestFlip.objects.get().blocking
    assert any("rejected" in sentence for sentence in proof.obstacles(version))


RATE = """
@id("rate") @reason("Too often.") forbid (principal, action, resource)
when { context.agent has actions_last_hour && context.agent.actions_last_hour >= 1 };
"""


def test_a_rule_on_rates_says_where_nothing_was_counted(
    base: PolicyVersion, agent: Agent, member: User, signed_in: Callable[[User], Client]
) -> None:
    for amount in (1, 2, 3):
        put(agent, "book", amount)
    assert "uncounted" not in run(draft(base, ASK_ABOVE_HUNDRED)).summary
    found = run(draft(base, ASK_ABOVE_TEN + RATE))
    assert found.summary["uncounted"] == 3
    page = signed_in(member).get(f"/policies/shelf-rules/backtests/{found.pk}")
    assert "For 3 of 3 actions nobody counted that" in page.content.decode()
    enforce(version=found.version, reason="x")
    put(agent, "book", 4)
    assert run(draft(base, ASK_ABOVE_HUNDRED + RATE)).summary["uncounted"] == 3


def test_the_window_and_the_number_are_kept(base: PolicyVersion, agent: Agent) -> None:
    for _ in range(5):
        put(agent, "book", 50)
    JudgedRequest.objects.filter(
        pk=JudgedRequest.objects.order_by("at", "pk").values("pk")[:1]
    ).update(at=now() - dt.timedelta(days=40))
    version = draft(base, ASK_ABOVE_HUNDRED)
    assert run(version, days=30).done == 4
    assert run(version, days=60).done == 5
    few = run(version, most=3)
    assert (few.done, few.total, few.summary["pairs"]) == (3, 3, {"review→allow": 3})


def do(stretch: BacktestStretch | None) -> None:
    assert stretch is not None
    replay.settle(stretch, *replay.judged(stretch, replay.pair_of(stretch.backtest)))


def test_a_backtest_goes_on_where_its_worker_died(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STRETCH", 2)
    for _ in range(5):
        put(agent, "book", 50)
    row = backtests.start_backtest(actor=None, version=draft(base, ASK_ABOVE_HUNDRED))
    do(replay.claim(row.pk))
    lost = replay.claim(row.pk)
    assert lost is not None
    assert backtests.due() == []
    assert not replay.work_on(row.pk)
    row.refresh_from_db()
    assert (row.status, row.done) == ("running", 3)
    long_ago = now() - dt.timedelta(seconds=1)
    Backtest.objects.filter(pk=row.pk).update(lease_until=long_ago)
    row.stretches.filter(pk=lost.pk).update(lease_until=long_ago)
    assert backtests.due() == [row.pk]
    assert not replay.work_on(row.pk)
    do(lost)
    row.refresh_from_db()
    assert (row.status, row.done, row.summary["pairs"]) == ("done", 5, {"review→allow": 5})
    assert row.flips.count() == 5


def test_a_worker_that_lost_its_stretch_adds_nothing(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STRETCH", 2)
    for _ in range(5):
        put(agent, "book", 50)
    row = backtests.start_backtest(actor=None, version=draft(base, ASK_ABOVE_HUNDRED))
    lost = replay.claim(row.pk)
    assert lost is not None
    row.stretches.update(lease_until=now() - dt.timedelta(seconds=1))
    again = replay.claim(row.pk)
    assert again is not None
    assert again.pk == lost.pk
    do(lost)
    row.refresh_from_db()
    assert row.done == 0
    do(again)
    do(lost)
    row.refresh_from_db()
    assert (row.done, row.flips.count()) == (2, 2)


def test_what_is_found_does_not_depend_on_who_did_what(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STRETCH", 2)
    monkeypatch.setattr(replay, "MOST_LISTED", 3)
    judged = [put(agent, "book", amount) for amount in (1, 50, 60, 70, 500, 80, 90, 2)]
    mark_answer(judged_id=judged[1].pk, answer="rejected")
    version = draft(base, ASK_ABOVE_HUNDRED)
    alone = run(version)
    row = backtests.start_backtest(actor=None, version=version)
    stretches = [replay.claim(row.pk) for _ in range(4)]
    assert replay.claim(row.pk) is None
    for stretch in reversed(stretches):
        do(stretch)
    row.refresh_from_db()
    assert (row.status, row.done, row.blocking) == ("done", 8, 1)
    assert row.summary == alone.summary
    assert row.summary["listed"] == 4
    listed = [set(each.flips.values_list("judged_id", "kind", "blocking")) for each in (row, alone)]
    assert listed[0] == listed[1]
    assert {pk for pk, _, _ in listed[0]} == {judged[at].pk for at in (1, 3, 5, 6)}


def test_a_backtest_cancelled_halfway_stops_and_keeps_what_it_found(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STRETCH", 2)
    for _ in range(5):
        put(agent, "book", 50)
    version = draft(base, ASK_ABOVE_HUNDRED)
    row = backtests.start_backtest(actor=None, version=version)
    do(replay.claim(row.pk))
    under_way = replay.claim(row.pk)
    backtests.cancel_backtest(actor=None, backtest=row)
    assert not replay.work_on(row.pk)
    do(under_way)
    row.refresh_from_db()
    assert (row.status, row.done) == ("cancelled", 2)
    with pytest.raises(Conflict):
        backtests.cancel_backtest(actor=None, backtest=row)
    assert proof.fresh_backtest(version) is None


def test_a_draft_edited_while_it_is_replayed_fails_the_backtest(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "STRETCH", 2)
    for _ in range(5):
        put(agent, "book", 50)
    row = backtests.start_backtest(actor=None, version=draft(base, ASK_ABOVE_HUNDRED))
    do(replay.claim(row.pk))
    draft(base, ASK_ABOVE_HUNDRED.replace("100", "20"))
    assert not replay.work_on(row.pk)
    row.refresh_from_db()
    assert (row.status, row.error) == ("failed", replay.OUTDATED)


TWO_PEOPLE = ASK_ABOVE_TEN.replace('@approvers("1")', '@approvers("2")')


def test_two_people_instead_of_one_is_a_flip_of_its_own_kind(
    base: PolicyVersion, agent: Agent, member: User, signed_in: Callable[[User], Client]
) -> None:
    for amount in (1, 50, 60):
        put(agent, "book", amount)
    version = draft(base, TWO_PEOPLE)
    found = run(version)
    assert found.summary["pairs"] == {"review→review: more people": 2}
    assert (found.summary["reviews"], found.summary["people"]) == (0, 2)
    assert backtests.review_hours(found.summary) == 0.2
    flip = found.flips.first()
    assert flip is not None
    assert flip.terms_after.startswith("2 at ")
    page = signed_in(member).get(f"/policies/shelf-rules/backtests/{found.pk}")
    assert "review→review: more people (2)" in page.content.decode()
    set_shadow(actor=None, version=version, on=True)
    put(agent, "book", 50)
    assert ShadowFlip.objects.get().kind == "review→review: more people"


RULES = st.lists(
    st.tuples(
        st.sampled_from(CONDITIONS),
        st.sampled_from(["deny", "check", "look", "oblige"]),
        st.integers(1, 2),
    ),
    max_size=4,
)


def rule_text(rules: list[Any]) -> str:
    found = []
    for number, (condition, then, people) in enumerate(rules):
        head = f'(principal, action == Action::"pay", resource) when {{ {condition} }}'
        name = f'@id("r{number}") @reason("x")'
        if then == "oblige":
            found.append(f'{name} @obligation("mask") permit {head};')
        elif then == "deny":
            found.append(f"{name} forbid {head};")
        else:
            found.append(
                f'{name} @checkpoint("{then}") @approvers("{people}") forbid {head} '
                f'unless {{ context.approvals.contains("{then}") }};'
            )
    return "\n".join(found)


@settings(max_examples=60, deadline=None)
@given(RULES, RULES, st.lists(REQUESTS, min_size=1, max_size=12), st.booleans())
def test_one_question_about_both_sides_tells_what_two_would(
    old: list[Any], new: list[Any], asked: list[dict[str, Any]], approved: bool
) -> None:
    sides = [
        Bench(compile_text(rule_text(rules), policy="p", version=number), {"pay": PAY})
        for number, rules in enumerate((old, new))
    ]
    if approved:
        asked = [{**each, "context": {**each["context"], "approvals": ["check"]}} for each in asked]
    asked.append({**asked[0], "context": {**asked[0]["context"], "facts": {"amount": 2**70}}})
    asked.append({**asked[0], "context": {**asked[0]["context"], "facts": {"amount": "much"}}})
    found = Pair(*sides).judge_all(asked)
    for index, request in enumerate(asked):
        apart = tuple(outline(side.judge(request)) for side in sides)
        assert found.get(index, (apart[0], apart[0])) == apart


def test_a_backtest_of_another_text_or_base_does_not_count(
    base: PolicyVersion, agent: Agent, policy: Callable[..., Any]
) -> None:
    version = draft(base, ASK_ABOVE_HUNDRED)
    run(version)
    assert proof.fresh_backtest(version) is not None
    policy(FORBID_GLASS, slug="glass")
    assert proof.fresh_backtest(version) is None
    run(version)
    again = draft(base, ASK_ABOVE_HUNDRED.replace("100", "200"))
    assert proof.fresh_backtest(again) is None


@pytest.mark.parametrize("options", [{"days": 0}, {"most": 0}, {"days": 9999}])
def test_a_senseless_window_is_refused(options: dict[str, int], base: PolicyVersion) -> None:
    with pytest.raises(Invalid):
        backtests.start_backtest(actor=None, version=base, **options)


def test_a_stranger_starts_and_stops_nothing(base: PolicyVersion, stranger: User) -> None:
    with pytest.raises(NotPermitted):
        backtests.start_backtest(actor=stranger, version=base)
    row = backtests.start_backtest(actor=None, version=base)
    with pytest.raises(NotPermitted):
        backtests.cancel_backtest(actor=stranger, backtest=row)
    with pytest.raises(NotPermitted):
        set_shadow(actor=stranger, version=base, on=True)


def test_a_version_in_shadow_is_recorded_and_never_enforced(
    base: PolicyVersion, agent: Agent
) -> None:
    version = draft(base, FORBID_GLASS)
    put(agent, "glass", 1)
    assert not ShadowFlip.objects.exists()
    set_shadow(actor=None, version=version, on=True)
    judged = put(agent, "glass", 1)
    assert judged.effect == "allow"
    flip = ShadowFlip.objects.get()
    assert (flip.before, flip.after, flip.judged_id) == ("allow", "deny", judged.pk)
    draft(base, FORBID_GLASS.replace("glass", "steel"))
    put(agent, "glass", 1)
    assert ShadowFlip.objects.count() == 1
    version.refresh_from_db()
    set_shadow(actor=None, version=version, on=False)
    put(agent, "steel", 1)
    assert ShadowFlip.objects.count() == 1
    with pytest.raises(Conflict):
        set_shadow(actor=None, version=base, on=True)


def test_cases_are_stored_with_the_policy_and_name_the_deciding_rules(
    base: PolicyVersion, agent: Agent
) -> None:
    judged = put(agent, "book", 50)
    save_case(
        actor=None, policy=base.policy, name="Fifty books", request=judged.request,
        expected="review",
    )  # fmt: skip
    (result,) = proof.case_results(base)
    assert (result["ok"], result["rules"], result["lines"]) == (True, ["ask-above-ten"], [1])
    version = draft(base, ASK_ABOVE_HUNDRED)
    (result,) = proof.case_results(version)
    assert (result["ok"], result["got"]) == (False, "allow")
    assert any("test cases fail" in sentence for sentence in proof.obstacles(version))
    case = base.policy.cases.get()
    remove_case(actor=None, case=case, reason="Obsolete")
    assert proof.case_results(version) == []


def test_what_an_incident_taught_stays(base: PolicyVersion, agent: Agent) -> None:
    judged = put(agent, "book", 50)
    case = save_case(
        actor=None, policy=base.policy, name="Lesson", request=judged.request,
        expected="review", origin="incident",
    )  # fmt: skip
    with pytest.raises(NotPermitted):
        remove_case(actor=None, case=case, reason="In the way")
