"""The four outcomes on Cedar's two (policies.md): pure, with Cedar behind a callable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from apps.common.canonical import plain


@dataclass(frozen=True)
class JudgementRequest:
    """Who wants to do what, and everything that rules may look at (docs/policies.md)."""

    agent: str
    agent_roles: tuple[str, ...]
    tool: str
    context: Mapping[str, Any]

    @cached_property
    def as_json(self) -> dict[str, Any]:
        """The request as it is recorded and digested."""
        return {
            "agent": self.agent,
            "roles": list(self.agent_roles),
            "tool": self.tool,
            "context": plain(dict(self.context)),
        }


@dataclass(frozen=True)
class Rule:
    """One rule of one policy version, or a permit generated from a grant."""

    key: str
    rule_id: str
    policy: str
    version: int
    effect: str
    sentence: str
    checkpoint: str = ""
    approvers: int = 1
    within_seconds: int = 0
    sampled: bool = False
    obligation: str = ""


@dataclass(frozen=True)
class Reason:
    rule_id: str
    policy: str
    version: int
    sentence: str
    kind: str


@dataclass(frozen=True)
class CheckpointAsk:
    """A person must decide: which checkpoint, how many people, within how many seconds (0: as the
    checkpoint itself says)."""

    name: str
    approvers: int
    within_seconds: int
    sampled: bool
    rule_id: str
    sentence: str


@dataclass(frozen=True)
class Judgement:
    effect: str
    reasons: tuple[Reason, ...] = ()
    obligations: tuple[str, ...] = ()
    checkpoints: tuple[CheckpointAsk, ...] = ()
    policy_versions: Mapping[str, int] = field(default_factory=dict)
    policy_digest: str = ""
    request_digest: str = ""
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What Cedar said: `decision` is allow, deny or none; `keys` are the determining rules."""

    decision: str
    keys: tuple[str, ...]
    errors: tuple[str, ...]


Ask = Callable[[Sequence[str]], Answer]


def decide(ask: Ask, rules: Mapping[str, Rule], approvals: Sequence[str]) -> Judgement:
    """Allow, deny or review. Any error in the diagnostics, on either asking, closes: Cedar skips a
    rule that errs, and a skipped forbid would be a hole."""
    first = ask(approvals)
    if broken := broken_answer(first):
        return broken
    found = [rules[key] for key in first.keys]
    if first.decision == "allow":
        obligations = tuple(sorted({rule.obligation for rule in found if rule.obligation}))
        return Judgement("allow", reasons_of(found), obligations)
    if not found:
        return Judgement("deny", (NOTHING_PERMITS,))
    final = [rule for rule in found if not rule.checkpoint]
    if final:
        return Judgement("deny", reasons_of(final))
    asks = asks_of(found)
    second = ask([*approvals, *(asked.name for asked in asks)])
    if broken := broken_answer(second):
        return broken
    if second.decision != "allow":
        reasons = reasons_of([rules[key] for key in second.keys]) or (NOTHING_PERMITS,)
        return Judgement("deny", reasons)
    return Judgement("review", reasons_of(found), (), asks)


NOTHING_PERMITS = Reason("", "", 0, "Nothing permits this action.", "default")


def broken_answer(answer: Answer) -> Judgement | None:
    if answer.decision in ("allow", "deny") and not answer.errors:
        return None
    errors = answer.errors or ("The policies gave no decision.",)
    return refused("The policies could not be evaluated, so the action is refused.", errors)


def refused(sentence: str, errors: Sequence[str] = ()) -> Judgement:
    """A deny that no rule decided: something was wrong, and wrong closes."""
    return Judgement("deny", (Reason("", "", 0, sentence, "error"),), errors=tuple(errors))


def reasons_of(rules: Sequence[Rule]) -> tuple[Reason, ...]:
    ordered = sorted(rules, key=lambda rule: rule.key)
    return tuple(
        Reason(rule.rule_id, rule.policy, rule.version, rule.sentence, kind_of(rule))
        for rule in ordered
    )


def kind_of(rule: Rule) -> str:
    if rule.effect == "permit":
        return "permit"
    return "checkpoint" if rule.checkpoint else "forbid"


def asks_of(rules: Sequence[Rule]) -> tuple[CheckpointAsk, ...]:
    """One question per checkpoint: the most people and the shortest time that any rule asks for;
    sampled only where every rule says so."""
    asks: dict[str, CheckpointAsk] = {}
    for rule in sorted(rules, key=lambda rule: rule.key):
        earlier = asks.get(rule.checkpoint)
        times = [rule.within_seconds, earlier.within_seconds if earlier else 0]
        limits = [seconds for seconds in times if seconds]
        asks[rule.checkpoint] = CheckpointAsk(
            name=rule.checkpoint,
            approvers=max(rule.approvers, earlier.approvers if earlier else 1),
            within_seconds=min(limits) if limits else 0,
            sampled=rule.sampled and (earlier.sampled if earlier else True),
            rule_id=earlier.rule_id if earlier else rule.rule_id,
            sentence=earlier.sentence if earlier else rule.sentence,
        )
    return tuple(asks.values())


DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def seconds_of(duration: str) -> int | None:
    """Seconds of an ISO 8601 duration such as PT4H or P1DT30M; None when it is not one."""
    found = DURATION.fullmatch(duration)
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
