"""The four outcomes against an oracle written another way, and everything that must close."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.errors import Conflict
from apps.policies import snapshot
from apps.policies.adoption import enforce, move_version
from apps.policies.models import PolicyVersion
from apps.policies.rules import Answer, JudgementRequest, Rule, decide, seconds_of
from apps.policies.services import (
    Unsaved,
    check,
    create_policy,
    judge,
    save_draft,
)
from apps.policies.text import formatted, pieces, problems
from apps.registry.models import Agent, Tool
from apps.registry.services import register_tool, set_tool_status
from tests.conftest import spec_named

MOMENT = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
FORBID_GLASS = """
@id("no-glass") @reason("Glass breaks.")
forbid (principal, action == Action::"shelf.put", resource) when { context.args.thing == "glass" };
"""
ASK_ABOVE_TEN = """
@id("ask-above-ten") @checkpoint("shelf") @approvers("1") @reason("More than ten need a look.")
forbid (principal, action == Action::"shelf.put", resource)
when { context.args.amount > 10 } unless { context.approvals.contains("shelf") };
"""


def asked(thing: str = "book", amount: int = 1, agent: str = "clerk", **context: Any) -> Any:
    return JudgementRequest(
        agent=agent,
        agent_roles=(),
        tool="shelf.put",
        context={
            "args": {"thing": thing, "amount": amount},
            "facts": {},
            "claims": {},
            "session": {"identified": False, "untrusted_read": False, "actions": 0},
            "agent": {"slug": agent, "version": 1, "risk_tier": "low", "environment": "production"},
            "approvals": [],
            "now": MOMENT,
            **context,
        },
    )


def rule(key: str, effect: str, checkpoint: str) -> Rule:
    return Rule(key, key, "p", 1, effect, key, checkpoint=checkpoint)


RULES = st.lists(
    st.tuples(
        st.sampled_from(["permit", "forbid", "checkpoint"]),
        st.booleans(),
        st.sampled_from(["a", "b"]),
    ),
    max_size=7,
)


@given(drawn=RULES, given_approvals=st.sets(st.sampled_from(["a", "b"])))
def test_the_verdict_is_what_a_plain_reading_of_the_rules_gives(
    drawn: list[tuple[str, bool, str]], given_approvals: set[str]
) -> None:
    rules = {
        str(number): rule(
            str(number), "permit" if kind == "permit" else "forbid", name * (kind == "checkpoint")
        )
        for number, (kind, _, name) in enumerate(drawn)
    }
    fires = {str(number): hit for number, (_, hit, _) in enumerate(drawn)}

    def cedar(approvals: Any) -> Answer:
        live = [
            key
            for key, found in rules.items()
            if fires[key] and not (found.checkpoint and found.checkpoint in approvals)
        ]
        forbids = tuple(key for key in live if rules[key].effect == "forbid")
        permits = tuple(key for key in live if rules[key].effect == "permit")
        return Answer("allow" if permits and not forbids else "deny", forbids or permits, ())

    hit = [found for key, found in rules.items() if fires[key]]
    open_asks = [f for f in hit if f.checkpoint and f.checkpoint not in given_approvals]
    finals = [f for f in hit if f.effect == "forbid" and not f.checkpoint]
    permitted = any(f.effect == "permit" for f in hit)
    closed = "deny" if finals or not permitted else ""
    expected = closed or ("review" if open_asks else "allow")
    verdict = decide(cedar, rules, sorted(given_approvals))
    assert verdict.effect == expected
    if expected == "review":
        assert {ask.name for ask in verdict.checkpoints} == {f.checkpoint for f in open_asks}


@given(decision=st.sampled_from(["allow", "deny", "none", ""]), error=st.booleans())
def test_an_error_or_no_decision_is_never_an_allow(decision: str, error: bool) -> None:
    verdict = decide(
        lambda names: Answer(decision, ("p",), ("boom",) if error else ()),
        {"p": rule("p", "permit", "")},
        [],
    )
    assert (verdict.effect == "allow") == (decision == "allow" and not error)


def test_no_policy_in_force_allows_nothing(agent: Agent) -> None:
    verdict = judge(asked())
    assert verdict.effect == "deny"
    assert "No policy" in verdict.reasons[0].sentence


def test_a_grant_and_no_forbid_is_an_allow_with_the_grant_as_reason(
    agent: Agent, policy: Callable[..., Any]
) -> None:
    policy(FORBID_GLASS)
    verdict = judge(asked())
    assert verdict.effect == "allow"
    assert verdict.reasons[0].policy == "grants"


def test_a_final_forbid_outweighs_a_checkpoint(
    agent: Agent, policy: Callable[..., Any], checkpoint: Any
) -> None:
    policy(FORBID_GLASS + ASK_ABOVE_TEN)
    verdict = judge(asked("glass", 20))
    assert verdict.effect == "deny"
    assert [reason.rule_id for reason in verdict.reasons] == ["no-glass"]


def test_a_checkpoint_asks_and_an_approval_satisfies_it(
    agent: Agent, policy: Callable[..., Any], checkpoint: Any
) -> None:
    version = policy(ASK_ABOVE_TEN, slug="shelf-rules")
    verdict = judge(asked(amount=11))
    assert verdict.effect == "review"
    assert verdict.checkpoints[0].name == "shelf"
    assert verdict.policy_versions == {"shelf-rules": version.number}
    assert judge(asked(amount=11, approvals=["shelf"])).effect == "allow"


def test_nobody_without_a_permission_gets_a_question_either(
    agent: Agent, policy: Callable[..., Any]
) -> None:
    policy(ASK_ABOVE_TEN)
    assert judge(asked(amount=11, agent="stranger")).effect == "deny"


def test_a_fact_that_a_rule_needs_and_nobody_has_closes(
    agent: Agent, policy: Callable[..., Any]
) -> None:
    policy(
        '@id("fragile") @reason("Fragile.") '
        'forbid (principal, action == Action::"shelf.put", resource) '
        "when { context.facts has fragile && context.facts.fragile };"
    )
    assert judge(asked()).effect == "allow"
    assert judge(asked(facts={"fragile": True})).effect == "deny"


@pytest.mark.parametrize("amount", [2**63, -(2**63) - 1, 10**40])
def test_a_number_too_large_to_judge_closes(
    agent: Agent, policy: Callable[..., Any], amount: int
) -> None:
    policy(FORBID_GLASS)
    assert judge(asked(amount=amount)).effect == "deny"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(junk=JUNK)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_junk_for_an_argument_that_a_rule_reads_is_never_allowed(
    agent: Agent, policy: Callable[..., Any], junk: Any
) -> None:
    if not PolicyVersion.objects.exists():
        policy(ASK_ABOVE_TEN, slug="only")
    snapshot.forget()
    if isinstance(junk, int) and not isinstance(junk, bool) and junk <= 10:
        return
    verdict = judge(asked(amount=junk))
    assert verdict.effect != "allow"


@given(text=st.text(max_size=60) | st.text(alphabet='permitforbd(@")id;{}', max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_text_is_either_refused_on_a_line_or_read_whole(text: str) -> None:
    found = problems(text)
    if found:
        assert all(1 <= each.line <= text.count("\n") + 1 for each in found)
    else:
        assert len(pieces(formatted(text))) == len(pieces(text))


def test_formatting_twice_changes_nothing() -> None:
    once = formatted(FORBID_GLASS + ASK_ABOVE_TEN)
    assert formatted(once) == once


def test_a_semicolon_in_a_string_does_not_split_a_rule() -> None:
    text = '@id("a") @reason("One; two.")\nforbid (principal, action, resource);'
    assert len(pieces(text)) == 1
    assert len(pieces("// nothing; here\n" + text)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rule"),
        ("forbid (principal, action, resource);", "@id"),
        ('@id("a") forbid (principal, action, resource);', "@reason"),
        ('@id("a") @reason("x") permit', "Cedar cannot read"),
        ('@id("a") @reason("x") @checkpoint("c") permit (principal, action, resource);', "Only a"),
        (
            '@id("a") @reason("x") @checkpoint("c") @within("soon") '
            "forbid (principal, action, resource);",
            "@within",
        ),
        (
            '@id("a") @reason("x") @checkpoint("c") @approvers("0") '
            "forbid (principal, action, resource);",
            "@approvers",
        ),
    ],
)
def test_each_mistake_is_told_in_words(text: str, words: str) -> None:
    assert any(words in each.sentence for each in problems(text))


def test_a_misspelt_argument_is_told_on_its_line(tool: Tool) -> None:
    text = (
        '@id("a") @reason("x")\n'
        'forbid (principal, action == Action::"shelf.put", resource)\n'
        "when { context.args.amuont > 3 };"
    )
    (problem,) = check(text)
    assert problem.line == 3
    assert problem.rule_id == "a"


def test_a_rule_for_another_tool_leaves_the_slice_and_the_verdict_alone(
    agent: Agent, policy: Callable[..., Any]
) -> None:
    register_tool(actor=None, spec=spec_named("shelf.take"))
    policy(FORBID_GLASS)
    policy('@id("b") @reason("x") forbid (principal, action == Action::"shelf.take", resource);')
    snapshot.forget()
    held = snapshot.current()
    cut = held.slice("shelf.put", "clerk", ())
    assert not any(found.rule_id == "b" for found in cut.rules.values())
    assert judge(asked()).effect == "allow"


def test_a_new_version_binds_the_next_judgement_without_a_restart(
    agent: Agent, policy: Callable[..., Any]
) -> None:
    first = policy(FORBID_GLASS, slug="glass")
    assert judge(asked("glass")).effect == "deny"
    draft = save_draft(
        actor=None, policy=first.policy, text=FORBID_GLASS.replace('"glass"', '"steel"')
    )
    assert judge(asked("glass")).effect == "deny"
    enforce(version=draft, reason="New words")
    assert judge(asked("glass")).effect == "allow"
    assert judge(asked("steel")).effect == "deny"
    first.refresh_from_db()
    assert first.status == "superseded"


def test_a_suspended_version_keeps_its_forbids(agent: Agent, policy: Callable[..., Any]) -> None:
    version = policy(FORBID_GLASS)
    move_version(version=version, to="suspended", reason="Looking into it")
    assert judge(asked("glass")).effect == "deny"


def test_a_version_comes_into_force_once(tool: Tool) -> None:
    made = create_policy(actor=None, slug="p", title="P", purpose="")
    draft = save_draft(actor=None, policy=made, text=FORBID_GLASS)
    enforce(version=draft, reason="Because")
    with pytest.raises(Conflict):
        enforce(version=draft, reason="Because")


def test_a_text_with_problems_is_not_saved(tool: Tool) -> None:
    made = create_policy(actor=None, slug="p", title="P", purpose="")
    with pytest.raises(Unsaved):
        save_draft(actor=None, policy=made, text="permit everything")
    assert not made.versions.exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT4H", 14_400), ("P1DT30M", 88_200), ("PT90S", 90), ("P", None), ("4h", None), ("PT", None)],
)
def test_durations(text: str, seconds: int | None) -> None:
    assert seconds_of(text) == seconds


def test_grants_end_at_their_moment_and_hold_to_their_scope(
    agent: Agent, policy: Callable[..., Any]
) -> None:
    policy(FORBID_GLASS)
    grant = agent.grants.get()
    assert judge(asked(now=grant.expires_at - dt.timedelta(milliseconds=1))).effect == "allow"
    assert judge(asked(now=grant.expires_at)).effect == "deny"


def test_a_rule_whose_tool_is_gone_says_so_and_decides_nothing(
    policy: Callable[..., Any],
    tool: Tool,
    administrator: User,
    member: User,
    signed_in: Callable[[User], Client],
) -> None:
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    page = "/policies/shelf-rules"
    assert b"Decides nothing now" not in signed_in(member).get(page).content
    set_tool_status(actor=administrator, tool=tool, status="suspended", reason="Broken.")
    shown = signed_in(member).get(page).content.decode()
    assert shown.count("Decides nothing now") == 2
    assert "its tool is suspended" in shown
