"""Cedar as a sentence again, where compiling that sentence gives exactly the same rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.policies.analysis.expressions import path_of
from apps.policies.builder.attributes import Attribute
from apps.policies.builder.compiling import compiled
from apps.policies.builder.sentences import COMPARISONS, HOUR, Condition, Sentence, Unfinished
from apps.policies.rules import seconds_of
from apps.policies.text import parsed


def read_back(text: str, attributes: Mapping[str, Attribute]) -> Sentence | None:
    """The sentence of one rule's text; None when the builder could not have written it."""
    try:
        source = parsed(text)
        found = sentence_of(source)
        if found is not None and parsed(compiled(found, attributes)) == source:
            return found
    except (Unfinished, ValueError, KeyError, TypeError):
        return None
    return None


def sentence_of(source: Mapping[str, Any]) -> Sentence | None:
    notes = source.get("annotations", {})
    checkpoint = notes.get("checkpoint", "")
    conditions: tuple[Condition, ...] = ()
    for part in source.get("conditions", ()):
        if part["kind"] == "when":
            conditions = tuple(joined(list(atoms_of(part["body"]))))
    then = "ask" if checkpoint else "deny"
    if source["effect"] == "permit":
        then = "oblige"
    seconds = seconds_of(notes["within"]) if "within" in notes else 0
    return Sentence(
        rule_id=notes.get("id", ""),
        reason=notes.get("reason", ""),
        who=slot_of(source["principal"], {"Agent": "agent", "Role": "role"}),
        does=action_slot(source["action"]),
        conditions=conditions,
        then=then,
        checkpoint=checkpoint,
        people=int(notes.get("approvers", "1")),
        hours=(seconds or 0) // HOUR,
        sampled="sampled" in notes,
        obligation=notes.get("obligation", ""),
    )


def slot_of(constraint: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    if constraint["op"] == "All":
        return "any"
    entity = constraint["entity"]
    return f"{kinds[entity['type']]}:{entity['id']}"


def action_slot(constraint: Mapping[str, Any]) -> str:
    if constraint["op"] == "All":
        return "any"
    kind = "tool" if constraint["op"] == "==" else "effect"
    return f"{kind}:{constraint['entity']['id']}"


def atoms_of(node: Mapping[str, Any]) -> Iterable[Condition]:
    (op, body), *_ = node.items()
    if op == "&&":
        yield from atoms_of(body["left"])
        yield from atoms_of(body["right"])
    elif op in COMPARISONS:
        yield compared(op, body)
    elif op == "has":
        yield Condition(f"{path_of(body['left'])}.{body['attr']}", "has")
    elif op == "!" and "has" in body["arg"]:
        inner = body["arg"]["has"]
        yield Condition(f"{path_of(inner['left'])}.{inner['attr']}", "lacks")
    elif op == "!" and "contains" in body["arg"]:
        inner = body["arg"]["contains"]
        yield Condition(path_of(inner["left"]), "excludes", inner["right"]["Value"])
    elif op == "!":
        yield Condition(path_of(body["arg"]), "false")
    elif op == "contains" and "Set" not in body["left"]:
        yield Condition(path_of(body["left"]), "includes", body["right"]["Value"])
    elif op == "contains":
        values = [item["Value"] for item in body["left"]["Set"]]
        yield Condition(path_of(body["right"]), "in", values)
    else:
        yield Condition(path_of(node), "true")


def compared(op: str, body: Mapping[str, Any]) -> Condition:
    path = path_of(body["left"])
    if path == "now.time":
        return Condition(path, op, body["right"]["duration"][0]["Value"].removesuffix("h"))
    return Condition(path, op, body["right"]["Value"])


def joined(atoms: Sequence[Condition]) -> Iterable[Condition]:
    """`has x` directly before a condition on x belongs to it."""
    for index, atom in enumerate(atoms):
        following = atoms[index + 1] if index + 1 < len(atoms) else None
        if atom.op == "has" and following is not None and following.path == atom.path:
            continue
        yield atom
