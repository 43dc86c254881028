"""The four outcomes on Cedar's two (policies.md): pure, with Cedar behind a callable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from apps.common.canonical import plain

# Where a reason comes from when no policy gave it: a permission, or an incident's barrier.
GRANTS, CONTAINMENT = "grants", "containment"


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


@dataclass(frozen=True, order=True)
class Asked:
    """One question of a verdict: where, how many people, how soon (0: as the checkpoint says)."""

    name: str
    people: int = 1
    within_seconds: int = 0
    sampled: bool = False

    @property
    def words(self) -> str:
        soon = f" within {duration_words(self.within_seconds)}" if self.within_seconds else ""
        return f"{self.people} at {self.name}{soon}{', sampled' if self.sampled else ''}"


@dataclass(frozen=True)
class Outline:
    """What a verdict means for those it concerns: two verdicts with the same outline are the
    same."""

    effect: str
    asked: tuple[Asked, ...] = ()
    obligations: tuple[str, ...] = ()

    @property
    def terms(self) -> str:
        """What comes with the effect: `2 at finance within 4 h`, or what has to be done besides."""
        return " and ".join(each.words for each in self.asked) or ", ".join(self.obligations)

    @property
    def words(self) -> str:
        link = " by " if self.asked else " with " if self.obligations else ""
        return f"{self.effect}{link}{self.terms}"

    @property
    def people(self) -> int:
        return sum(each.people for each in self.asked)


STRICTNESS = {"allow": 0, "review": 1, "deny": 2}


def outline(judgement: Judgement) -> Outline:
    asked = sorted(
        Asked(ask.name, ask.approvers, ask.within_seconds, ask.sampled)
        for ask in judgement.checkpoints
    )
    return Outline(judgement.effect, tuple(asked), judgement.obligations)


def flip_of(before: Outline, after: Outline) -> str:
    """The kind of change: `allow→review`, or what changes within one effect, such as
    `review→review: more people, shorter time`; "" for the same verdict."""
    if before == after:
        return ""
    pair = f"{before.effect}→{after.effect}"
    return pair if before.effect != after.effect else f"{pair}: {', '.join(within(before, after))}"


def within(before: Outline, after: Outline) -> list[str]:
    """What changes between two verdicts of the same effect."""
    if before.obligations != after.obligations:
        return ["other obligations"]
    found = []
    if after.people != before.people:
        found.append("more people" if after.people > before.people else "fewer people")
    if [each.name for each in before.asked] != [each.name for each in after.asked]:
        return [*found, "other queue"]
    pairs = list(zip(before.asked, after.asked, strict=True))
    if not found and any(old.people != new.people for old, new in pairs):
        found.append("people elsewhere")
    times = {
        time_change(old.within_seconds, new.within_seconds)
        for old, new in pairs
        if old.within_seconds != new.within_seconds
    }
    found += sorted(times)
    if any(old.sampled != new.sampled for old, new in pairs):
        found.append(
            "sampled" if any(new.sampled > old.sampled for old, new in pairs) else "always"
        )
    return found


def time_change(before: int, after: int) -> str:
    """0 is the checkpoint's own time, which may be either."""
    if not before or not after:
        return "other time"
    return "shorter time" if after < before else "longer time"


def step_of(before: Outline, after: Outline) -> int:
    """-1 looser, 0 otherwise but no stricter, 1 stricter. More people, always instead of sampled
    and more obligations are stricter; another queue or time is neither."""
    for old, new in (
        (STRICTNESS[before.effect], STRICTNESS[after.effect]),
        (before.people, after.people),
        (surely(before), surely(after)),
        (len(before.obligations), len(after.obligations)),
    ):
        if old != new:
            return 1 if new > old else -1
    return 0


def surely(found: Outline) -> int:
    return sum(not each.sampled for each in found.asked)


def duration_words(seconds: int) -> str:
    """`4 h`, `1 d 30 min`."""
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        number, seconds = divmod(seconds, size)
        parts += [f"{number} {unit}"] * bool(number)
    return " ".join(parts)
