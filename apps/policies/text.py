"""Cedar text: splitting into rules, formatting, and problems on their lines. No database."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from apps.policies.rules import Rule, seconds_of

NAME = re.compile(r"[a-z][a-z0-9-]*")
QUOTED = re.compile(r"`([^`]+)`")
LARGEST_TEXT = 200_000


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a policy text, on its line (counted from 1)."""

    line: int
    sentence: str
    rule_id: str = ""


@dataclass(frozen=True)
class Piece:
    """The text of one rule and the line it starts on."""

    text: str
    line: int


def pieces(text: str) -> list[Piece]:
    """Splits at the semicolons that are neither in a string nor in a comment."""
    found: list[Piece] = []
    start = 0
    for end in ends(text):
        found.append(piece(text, start, end))
        start = end
    if bare(text[start:]):
        found.append(piece(text, start, len(text)))
    return found


def ends(text: str) -> Iterator[int]:
    inside_string = False
    index = 0
    while index < len(text):
        char = text[index]
        if inside_string:
            index += 1 if char == "\\" else 0
            inside_string = char != '"'
        elif char == '"':
            inside_string = True
        elif text.startswith("//", index):
            index = (text + "\n").index("\n", index)
        elif char == ";":
            yield index + 1
        index += 1


def bare(text: str) -> str:
    return re.sub(r"//[^\n]*", "", text).strip()


def piece(text: str, start: int, end: int) -> Piece:
    body = text[start:end]
    skipped = len(body) - len(body.lstrip())
    return Piece(body.strip(), text.count("\n", 0, start + skipped) + 1)


def parsed(body: str) -> dict[str, Any]:
    """Cedar's own JSON of one rule. Raises ValueError with Cedar's words."""
    policies = json.loads(cedarpy.policies_to_json_str(body))
    if policies.get("templates"):
        raise ValueError("templates with slots are not used here")
    rules = list(policies["staticPolicies"].values())
    if len(rules) != 1:
        raise ValueError("this is not one rule")
    return dict(rules[0])


def problems(text: str, schema: cedarpy.Schema | None = None) -> list[Problem]:
    """Everything wrong with a policy text, in the order of its lines; [] when it can be saved."""
    if len(text) > LARGEST_TEXT:
        return [Problem(1, "This text is too long; split it into several policies.")]
    parts = pieces(text)
    if not parts:
        return [Problem(1, "There is no rule yet.")]
    found: list[Problem] = []
    seen: dict[str, int] = {}
    for part in parts:
        found += problems_of(part, seen, schema)
    return found


def problems_of(part: Piece, seen: dict[str, int], schema: cedarpy.Schema | None) -> list[Problem]:
    try:
        rule = parsed(part.text)
    except ValueError as error:
        return [Problem(line_of(part, str(error)), f"Cedar cannot read this: {error}.")]
    annotations = rule.get("annotations", {})
    found = [
        Problem(part.line, sentence, annotations.get("id", ""))
        for sentence in annotation_problems(rule["effect"], annotations, seen)
    ]
    seen[annotations.get("id", "")] = part.line
    return found + schema_problems(part, annotations.get("id", ""), schema)


def annotation_problems(
    effect: str, annotations: Mapping[str, str], seen: Mapping[str, int]
) -> list[str]:
    found = []
    name = annotations.get("id", "")
    if not NAME.fullmatch(name):
        found.append('Give the rule an @id("…") of small letters, digits and hyphens.')
    elif name in seen:
        found.append(f"The id {name} stands on line {seen[name]} already.")
    if not annotations.get("reason", "").strip():
        found.append('Give the rule a @reason("…"): a sentence for the people it concerns.')
    if "checkpoint" in annotations:
        found += checkpoint_problems(effect, annotations)
    return found


def checkpoint_problems(effect: str, annotations: Mapping[str, str]) -> list[str]:
    found = []
    if effect != "forbid":
        found.append("Only a forbid can be a checkpoint.")
    if not NAME.fullmatch(annotations["checkpoint"]):
        found.append("A checkpoint's name is small letters, digits and hyphens.")
    approvers = annotations.get("approvers", "1")
    if not (approvers.isdecimal() and 1 <= int(approvers) <= 9):
        found.append("@approvers is a number of people from 1 to 9.")
    if "within" in annotations and not seconds_of(annotations["within"]):
        found.append('@within is a duration such as "PT4H".')
    return found


def schema_problems(part: Piece, rule_id: str, schema: cedarpy.Schema | None) -> list[Problem]:
    if schema is None:
        return []
    result = cedarpy.validate_policies(part.text, schema)
    return [
        Problem(line_of(part, error.error), cedar_sentence(error.error), rule_id)
        for error in result.errors
    ]


def cedar_sentence(words: str) -> str:
    cleaned = re.sub(r"^for policy `[^`]*`, ", "", words)
    return cleaned[:1].upper() + cleaned[1:].rstrip(".") + "."


def line_of(part: Piece, words: str) -> int:
    """The line of the rule on which the words that Cedar quotes stand; else the rule's first."""
    for quoted in QUOTED.findall(words):
        for token in (quoted, quoted.rsplit(".", 1)[-1]):
            for offset, line in enumerate(part.text.splitlines()):
                if token in line:
                    return part.line + offset
    return part.line


def formatted(text: str) -> str:
    """The text as it is stored, voted on, hashed and evaluated."""
    return str(cedarpy.format_policies(text, line_width=100, indent_width=2)).strip() + "\n"


@dataclass(frozen=True)
class Compiled:
    """One rule ready for slicing: what it is, and Cedar's JSON of it."""

    rule: Rule
    source: dict[str, Any]
    line: int = 1


def compile_text(
    text: str, *, policy: str, version: int, keep: Callable[[str], bool] = lambda effect: True
) -> list[Compiled]:
    """The rules of a stored version; `keep` says which effects count (a suspended version keeps
    its forbids only). Raises ValueError for a text that cannot be read."""
    found = []
    for part in pieces(text):
        source = parsed(part.text)
        if keep(source["effect"]):
            found.append(Compiled(rule_of(source, policy, version), source, part.line))
    return found


def rule_of(source: Mapping[str, Any], policy: str, version: int) -> Rule:
    notes = source.get("annotations", {})
    rule_id = notes.get("id", "")
    return Rule(
        key=f"{policy}@{version}#{rule_id}",
        rule_id=rule_id,
        policy=policy,
        version=version,
        effect=source["effect"],
        sentence=notes.get("reason", ""),
        checkpoint=notes.get("checkpoint", ""),
        approvers=int(notes.get("approvers", "1")),
        within_seconds=seconds_of(notes.get("within", "")) or 0,
        sampled="sampled" in notes,
        obligation=notes.get("obligation", ""),
    )


def concerns(source: Mapping[str, Any], *, tool: str, groups: set[str]) -> bool:
    """Whether a rule's action constraint can match the tool: slicing by it leaves the verdict as
    it is, because Cedar would not select the rule anyway."""
    return matches(source["action"], {("Action", tool)}, {("Action", group) for group in groups})


def binds(source: Mapping[str, Any], *, agent: str, roles: set[str]) -> bool:
    """The same for the principal constraint."""
    return matches(source["principal"], {("Agent", agent)}, {("Role", role) for role in roles})


def matches(
    constraint: Mapping[str, Any], own: set[tuple[str, str]], parents: set[tuple[str, str]]
) -> bool:
    operator = constraint["op"]
    if operator == "==":
        return key_of(constraint["entity"]) in own
    if operator == "in":
        named = constraint.get("entities") or [constraint["entity"]]
        return bool({key_of(entity) for entity in named} & (own | parents))
    return True


def key_of(entity: Mapping[str, str]) -> tuple[str, str]:
    return entity["type"], entity["id"]
