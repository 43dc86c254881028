"""The analysis of a draft against what is in force: differences, the author's claim, weaknesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.policies.analysis.grid import Difference, TooLarge, differences, weaknesses
from apps.policies.analysis.words import box_words, example_words
from apps.policies.rules import flip_of, step_of
from apps.policies.text import Compiled, concerns
from apps.registry.rules import ToolSpec

SENTENCES = {
    "unreachable": "No action of any registered tool can meet this rule.",
    "overridden": "Wherever this rule would ask people, {by} denies.",
    "redundant": "Without this rule nothing would change: {by} decides the same.",
}


@dataclass(frozen=True)
class Claim:
    """What the author says of the change: nothing looser, or nothing stricter, except for some
    tools."""

    looser: bool = True
    stricter: bool = True
    tools: tuple[str, ...] = ()


def analyse(
    specs: Sequence[ToolSpec], before: Sequence[Compiled], after: Sequence[Compiled]
) -> dict[str, Any]:
    """Plain data for the page and for the packet:
    {changes: [{tool, before, after, kind, step, where: [{when, example}], more}],
    skipped: [{tool, why}], weak: [{rule, line, kind, sentence}], gaps: [{tool, sentence}]}"""
    changes: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    for spec in specs:
        try:
            found = differences(spec, before, after)
        except TooLarge as error:
            skipped.append({"tool": spec.name, "why": str(error)})
            continue
        changes += [told(difference, spec) for difference in found]
    return {
        "changes": changes,
        "skipped": skipped,
        "weak": [
            {
                "rule": lint.rule_id,
                "line": lint.line,
                "kind": lint.kind,
                "sentence": SENTENCES[lint.kind].format(by=" or ".join(lint.by) or "another rule"),
            }
            for lint in weaknesses(specs, after)
        ],
        "gaps": gaps(specs, after),
    }


def told(difference: Difference, spec: ToolSpec) -> dict[str, Any]:
    return {
        "tool": difference.tool,
        "before": difference.before.words,
        "after": difference.after.words,
        "kind": flip_of(difference.before, difference.after),
        "step": step_of(difference.before, difference.after),
        "where": [
            {"when": box_words(box, spec), "example": example_words(box, spec)}
            for box in difference.boxes
        ],
        "more": difference.more,
    }


def gaps(specs: Sequence[ToolSpec], compiled: Sequence[Compiled]) -> list[dict[str, str]]:
    """Tools that change something and that no guardrail concerns."""
    forbids = [each for each in compiled if each.rule.effect == "forbid"]
    return [
        {"tool": spec.name, "sentence": f"No rule looks at {spec.name}, which {spec.effect}s."}
        if spec.effect == "write"
        else {
            "tool": spec.name,
            "sentence": f"No rule looks at {spec.name}, which cannot be undone.",
        }
        for spec in specs
        if spec.effect != "read"
        and not any(concerns(f.source, tool=spec.name, groups={spec.effect}) for f in forbids)
    ]


def broken_claims(claim: Claim, changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences with a counterexample each; [] when the claim holds."""
    found = []
    for change in changes:
        if change["tool"] in claim.tools:
            continue
        looser, stricter = change["step"] < 0, change["step"] > 0
        if (looser and not claim.looser) or (stricter and not claim.stricter):
            where = change["where"][0]["when"] if change["where"] else "somewhere"
            found.append(
                f"{change['tool']}: {change['before']} becomes {change['after']} when {where}."
            )
    return found
