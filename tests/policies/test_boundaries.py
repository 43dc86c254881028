"""Tests on both sides of every number in a policy's rules."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.errors import Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from apps.policies import boundaries, proof
from apps.policies.analysis.expressions import Atom
from apps.policies.bench import Bench
from apps.policies.models import PolicyVersion
from apps.policies.services import save_boundaries, save_draft
from apps.policies.text import compile_text
from apps.registry.models import Agent
from apps.registry.rules import ToolSpec
from tests.policies.test_analysis import CONDITIONS, SPEC, compiled, text_of
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN


@pytest.fixture
def base(agent: Agent, checkpoint: Any, policy: Callable[..., Any]) -> PolicyVersion:
    version: PolicyVersion = policy(ASK_ABOVE_TEN, slug="shelf-rules")
    return version


def test_each_constant_is_met_from_both_sides_where_the_rest_of_the_rule_holds() -> None:
    rules = compiled(text_of([("context.facts.known && context.facts.amount > 10", False, 1)]))
    found = dict(boundaries.cases(rules, [SPEC]))
    amounts = [request["context"]["facts"]["amount"] for request in found.values()]
    assert amounts == [9, 10, 11]
    assert all(request["context"]["facts"]["known"] for request in found.values())
    verdicts = Bench(rules, {"pay": SPEC}).judge_all(list(found.values()))
    assert [verdict.effect for verdict in verdicts] == ["allow", "allow", "deny"]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_whatever_a_rule_compares_its_cases_can_be_judged(condition: str) -> None:
    rules = compiled(text_of([(condition, False, 1)]))
    for _name, request in boundaries.cases(rules, [SPEC]):
        assert not Bench(rules, {"pay": SPEC}).judge(request).errors


def test_hours_moments_roles_and_decimals_are_limits_too() -> None:
    spec = ToolSpec(
        name="pay", title="Pay", description="Pays.", effect="write",
        input_schema={
            "type": "object", "properties": {"share": {"type": "number"}}, "required": ["share"],
        },
    )  # fmt: skip
    rules = compile_text(
        '@id("share") @reason("x") forbid (principal in Role::"clerks", action, resource) '
        'when { context.args.share.greaterThan(decimal("0.5")) };'
        '@id("early") @reason("x") forbid (principal, action, resource) '
        'when { context.now.toTime() < duration("6h") };'
        '@id("new") @reason("x") forbid (principal, action, resource) '
        'when { context.now >= datetime("2026-03-01T00:00:00Z") };',
        policy="p", version=1,
    )  # fmt: skip
    found = boundaries.cases(rules, [spec])
    verdicts = [verdict.effect for verdict in Bench(rules, {"pay": spec}).judge_all(
        [request for _name, request in found]
    )]  # fmt: skip
    moments = [verdict for (name, _), verdict in zip(found, verdicts, strict=True)
               if name.startswith(("early", "new"))]  # fmt: skip
    assert moments[:3] == ["deny", "allow", "allow"]
    assert moments[3:] == ["allow", "deny", "deny"]


def test_a_decimal_is_met_by_its_smallest_step() -> None:
    found = dict(boundaries.around(Atom("args.share", ">", Decimal("0.5"))))
    assert found == {
        "just under": Decimal("0.4999"), "at": Decimal("0.5"), "just over": Decimal("0.5001"),
    }  # fmt: skip
    assert boundaries.around(Atom("facts.known", "is")) == []


def test_they_are_stored_and_catch_a_limit_that_moved_by_one(base: PolicyVersion) -> None:
    assert save_boundaries(actor=None, version=base) == 3
    assert [(case["got"], case["ok"]) for case in proof.case_results(base)] == [
        ("allow", True), ("review", True), ("allow", True),
    ]  # fmt: skip
    moved = save_draft(
        actor=None, policy=base.policy, text=ASK_ABOVE_TEN.replace("> 10", ">= 10")
    )  # fmt: skip
    failed = [case["name"] for case in proof.case_results(moved) if not case["ok"]]
    assert len(failed) == 1
    assert any("test cases fail" in sentence for sentence in proof.obstacles(moved))
    save_boundaries(actor=None, version=moved)
    assert all(case["ok"] for case in proof.case_results(moved))
    assert base.policy.cases.filter(removed_at=None).count() == 3
    assert LedgerEvent.objects.filter(type="policy.boundaries_saved").count() == 2


def test_those_of_an_earlier_text_are_taken_away(base: PolicyVersion) -> None:
    save_boundaries(actor=None, version=base)
    moved = save_draft(
        actor=None, policy=base.policy, text=ASK_ABOVE_TEN.replace("> 10", "> 100")
    )  # fmt: skip
    save_boundaries(actor=None, version=moved)
    names = {case["name"] for case in proof.case_results(moved)}
    assert {name.rsplit(" ", 1)[1] for name in names} == {"100"}
    assert len(names) == 3


def test_a_text_without_numbers_has_none(base: PolicyVersion) -> None:
    text = '@id("no") @reason("x") forbid (principal, action == Action::"shelf.put", resource);'
    version = save_draft(actor=None, policy=base.policy, text=text)
    with pytest.raises(Invalid):
        save_boundaries(actor=None, version=version)


def test_a_stranger_stores_none(
    base: PolicyVersion, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    with pytest.raises(NotPermitted):
        save_boundaries(actor=stranger, version=base)
    answer = signed_in(stranger).post("/policies/shelf-rules/versions/1/boundaries")
    assert answer.status_code in (403, 404)


def test_a_member_stores_them_on_the_page(
    base: PolicyVersion, member: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(member)
    answer = client.post("/policies/shelf-rules/versions/1/boundaries", follow=True)
    assert "3 tests hold what this version decides" in answer.content.decode()
