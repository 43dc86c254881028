"""A draft replayed over what happened; and versions that run in shadow."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.policies import backtests, proof
from apps.policies.models import Backtest, BacktestFlip, JudgedRequest, PolicyVersion, ShadowFlip
from apps.policies.services import mark_answer, remove_case, save_case, save_draft, set_shadow
from apps.registry.models import Agent
from apps.runtime import gate
from apps.runtime.rules import CallContext
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
    while backtests.work_on(row.pk):
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


def test_a_backtest_goes_on_where_its_worker_died(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "CHUNK", 2)
    for _ in range(5):
        put(agent, "book", 50)
    row = backtests.start_backtest(actor=None, version=draft(base, ASK_ABOVE_HUNDRED))
    first = backtests.claim(row.pk)
    assert first is not None
    replay = backtests.Replay(first)
    assert replay.chunk()
    assert backtests.due() == []
    Backtest.objects.filter(pk=row.pk).update(lease_until=now() - dt.timedelta(seconds=1))
    assert backtests.due() == [row.pk]
    while backtests.work_on(row.pk):
        pass
    row.refresh_from_db()
    assert (row.status, row.done, row.summary["pairs"]) == ("done", 5, {"review→allow": 5})
    assert row.flips.count() == 5
    with pytest.raises(Conflict):
        replay.chunk()


def test_a_backtest_cancelled_halfway_stops_and_keeps_what_it_found(
    base: PolicyVersion, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "CHUNK", 2)
    for _ in range(5):
        put(agent, "book", 50)
    version = draft(base, ASK_ABOVE_HUNDRED)
    row = backtests.start_backtest(actor=None, version=version)
    first = backtests.claim(row.pk)
    assert first is not None
    backtests.Replay(first).chunk()
    backtests.cancel_backtest(actor=None, backtest=row)
    Backtest.objects.filter(pk=row.pk).update(lease_until=now())
    assert not backtests.work_on(row.pk)
    row.refresh_from_db()
    assert (row.status, row.done) == ("cancelled", 2)
    with pytest.raises(Conflict):
        backtests.cancel_backtest(actor=None, backtest=row)
    assert proof.fresh_backtest(version) is None


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
