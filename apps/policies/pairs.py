"""Two sets of rules judged on the same recorded requests by one call of Cedar: rules that both have
are evaluated once. What Cedar says of the union tells what it would say of each side, because it
weighs every rule by itself, and an allowed action takes no forbid and a denied one at least one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.policies.bench import ASSUMED, Bench, Key, ask, context_of, key_of
from apps.policies.rules import Answer, Outline, Rule, decide, outline
from apps.policies.schema import Unrepresentable
from apps.policies.snapshot import Slice, slice_of
from apps.policies.text import Compiled

Side = Mapping[str, Rule]
Both = tuple[Outline, Outline]
# What one side decides, or the approvals with which it has to be asked again.
Said = Outline | tuple[str, ...]
DENIED = Outline("deny")


class Missing(Exception):
    """Cedar was not asked with these approvals yet."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


@dataclass
class Union:
    """The rules of both sides for one tool and one agent, each once, with Cedar's handles."""

    key: Key
    cut: Slice
    sides: tuple[Side, Side]
    known: dict[tuple[Any, ...], Said] = field(default_factory=dict)

    @property
    def alike(self) -> bool:
        return self.sides[0].keys() == self.sides[1].keys()

    def said(
        self, side: int, approvals: tuple[str, ...], *answers: tuple[tuple[str, ...], Answer]
    ) -> Said:
        """What a side decides by the answers so far; worked out once for equal answers."""
        memo = (side, approvals, answers)
        found = self.known.get(memo)
        if found is None:
            found = self.known[memo] = self.decided(self.sides[side], approvals, dict(answers))
        return found

    def decided(
        self, side: Side, approvals: tuple[str, ...], answers: Mapping[tuple[str, ...], Answer]
    ) -> Said:
        def asked(names: Sequence[str]) -> Answer:
            if tuple(names) not in answers:
                raise Missing(tuple(names))
            return answer_of(side, answers[tuple(names)])

        try:
            return outline(decide(asked, side, approvals))
        except Missing as missing:
            return missing.names


def answer_of(side: Side, answer: Answer) -> Answer:
    """What Cedar would have said of one side alone. A denial by rules that only the other side has
    is an allowance here: the permission is taken for granted."""
    keys = tuple(key for key in answer.keys if key in side)
    if answer.decision == "deny" and not keys:
        return Answer("allow", (ASSUMED.rule.key,), ())
    return Answer(answer.decision, keys, answer.errors)


def obliges(side: Side) -> bool:
    return any(rule.obligation for rule in side.values())


@dataclass
class Pair:
    """What is in force, and what would be."""

    before: Bench
    after: Bench
    unions: dict[Key, Union] = field(default_factory=dict)

    def union(self, key: Key) -> Union:
        found = self.unions.get(key)
        if found is None:
            found = self.unions[key] = self.joined(key)
        return found

    def joined(self, key: Key) -> Union:
        tool, agent, roles = key
        names: dict[str, str] = {}
        rules: list[Compiled] = []
        sides: tuple[dict[str, Rule], dict[str, Rule]] = ({}, {})
        for side, bench in zip(sides, (self.before, self.after), strict=True):
            for each in bench.chosen(key):
                text = json.dumps(each.source, sort_keys=True)
                if text not in names:
                    names[text] = f"rule-{len(names)}"
                    rules.append(replace(each, rule=replace(each.rule, key=names[text])))
                side[names[text]] = each.rule
            side[ASSUMED.rule.key] = ASSUMED.rule
        cut = slice_of(self.before.specs[tool], agent, roles, [*rules, ASSUMED])
        return Union(key, cut, sides)

    def judge_all(self, requests: Sequence[Mapping[str, Any]]) -> dict[int, Both]:
        """What both sides decide, by the place of the request. Left out are tools that are gone,
        and requests about which the sides hold the same rules."""
        groups: dict[Key, list[int]] = defaultdict(list)
        for index, request in enumerate(requests):
            if request.get("tool") in self.before.specs:
                groups[key_of(request)].append(index)
        found: dict[int, Both] = {}
        for key, indexes in groups.items():
            union = self.union(key)
            if not union.alike:
                asked = [requests[index] for index in indexes]
                found.update(zip(indexes, self.judge_some(union, asked), strict=True))
        return found

    def judge_some(self, union: Union, requests: Sequence[Mapping[str, Any]]) -> list[Both]:
        try:
            contexts = [context_of(union.cut, request) for request in requests]
            texts = list(map(json.dumps, contexts))
            answers = ask(union.cut, union.key, texts)
            return self.judge_ready(union, requests, contexts, answers)
        except (Unrepresentable, ValueError):
            if len(requests) == 1:
                return [(DENIED, DENIED)]
            return [self.judge_some(union, [request])[0] for request in requests]

    def judge_ready(
        self,
        union: Union,
        requests: Sequence[Mapping[str, Any]],
        contexts: Sequence[Mapping[str, Any]],
        answers: Sequence[Answer],
    ) -> list[Both]:
        """Both sides by the first answers; those that would wait are asked about once more, all
        together. Where Cedar erred, or an obligation may hang on what it left out, each side is
        asked for itself."""
        found: dict[int, Both] = {}
        waiting: list[tuple[int, tuple[str, ...]]] = []
        firsts: list[tuple[tuple[str, ...], Answer]] = []
        apart = obliges(union.sides[0]) or obliges(union.sides[1])
        for index, (context, answer) in enumerate(zip(contexts, answers, strict=True)):
            approvals = tuple(context.get("approvals", ()))
            firsts.append((approvals, answer))
            if answer.errors or (apart and answer.decision == "deny"):
                found[index] = self.judge_apart(requests[index])
                continue
            said = [union.said(side, approvals, firsts[index]) for side in (0, 1)]
            waiting += {(index, each) for each in said if isinstance(each, tuple)}
            if isinstance(said[0], Outline) and isinstance(said[1], Outline):
                found[index] = said[0], said[1]
        again = [
            json.dumps({**contexts[index], "approvals": list(names)}) for index, names in waiting
        ]
        seconds: dict[int, list[tuple[tuple[str, ...], Answer]]] = defaultdict(list)
        for (index, names), answer in zip(
            waiting, ask(union.cut, union.key, again) if again else (), strict=True
        ):
            seconds[index].append((names, answer))
        for index, more in seconds.items():
            found[index] = self.judge_again(union, requests[index], firsts[index], more)
        return [found[index] for index in range(len(requests))]

    def judge_again(
        self,
        union: Union,
        request: Mapping[str, Any],
        first: tuple[tuple[str, ...], Answer],
        more: Sequence[tuple[tuple[str, ...], Answer]],
    ) -> Both:
        if any(answer.errors for _names, answer in more):
            return self.judge_apart(request)
        said = [union.said(side, first[0], first, *more) for side in (0, 1)]
        if isinstance(said[0], Outline) and isinstance(said[1], Outline):
            return said[0], said[1]
        return self.judge_apart(request)

    def judge_apart(self, request: Mapping[str, Any]) -> Both:
        return outline(self.before.judge(request)), outline(self.after.judge(request))
