"""Conditions of rules as trees over atoms, read from Cedar's own JSON."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

NUMBERS = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
DURATION = re.compile(r"(-)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Atom(NamedTuple):
    """One question about one attribute: `path` is `facts.amount`, `args.note`, `agent`, `now.time`;
    `op` is <, <=, >, >=, ==, in, is (a truth value), has, or opaque."""

    path: str
    op: str
    value: Any = None


class Tree(NamedTuple):
    """and, or, not, const (value in `truth`), atom. Tuples, because a rule set has thousands."""

    op: str
    parts: tuple[Tree, ...] = ()
    atom: Atom | None = None
    truth: bool = False

    def atoms(self) -> Iterator[Atom]:
        if self.atom is not None:
            yield self.atom
        for part in self.parts:
            yield from part.atoms()


YES, NO = Tree("const", truth=True), Tree("const", truth=False)


def leaf(path: str, op: str, value: Any = None) -> Tree:
    return Tree("atom", atom=Atom(path, op, value))


def both(*parts: Tree) -> Tree:
    return Tree("and", parts)


def either(*parts: Tree) -> Tree:
    return Tree("or", parts)


def negated(part: Tree) -> Tree:
    return Tree("not", (part,))


def condition_of(source: Mapping[str, Any], resource: Mapping[str, str]) -> Tree:
    """When a rule applies: its principal and its conditions. `resource` are the tool's own
    attributes, which are known. The action is decided by slicing."""
    parts = [principal_of(source["principal"])]
    for condition in source.get("conditions", ()):
        tree = Reader(resource).read(condition["body"])
        parts.append(tree if condition["kind"] == "when" else negated(tree))
    return both(*parts)


def principal_of(constraint: Mapping[str, Any]) -> Tree:
    if constraint["op"] not in ("==", "in"):
        return YES
    entities = constraint.get("entities") or [constraint["entity"]]
    return either(*(entity_tree(entity) for entity in entities))


def entity_tree(entity: Mapping[str, str]) -> Tree:
    if entity["type"] == "Role":
        return leaf(f"role {entity['id']}", "is")
    return leaf("agent", "==", entity["id"])


@dataclass(frozen=True)
class Reader:
    resource: Mapping[str, str]

    def read(self, node: Mapping[str, Any]) -> Tree:
        (op, body), *_ = node.items()
        method = getattr(self, METHODS.get(op, ""), None)
        found = method(op, body) if method else None
        return found if found is not None else opaque(node)

    def joined(self, op: str, body: Any) -> Tree:
        parts = self.read(body["left"]), self.read(body["right"])
        return both(*parts) if op == "&&" else either(*parts)

    def inverted(self, op: str, body: Any) -> Tree:
        return negated(self.read(body["arg"]))

    def chosen(self, op: str, body: Any) -> Tree:
        condition = self.read(body["if"])
        then, other = self.read(body["then"]), self.read(body["else"])
        return either(both(condition, then), both(negated(condition), other))

    def constant(self, op: str, body: Any) -> Tree | None:
        return (YES if body else NO) if isinstance(body, bool) else None

    def attribute(self, op: str, body: Any) -> Tree | None:
        path = path_of({op: body})
        return leaf(path, "is") if path else None

    def present(self, op: str, body: Any) -> Tree | None:
        path = path_of(body["left"])
        return leaf(f"{path}.{body['attr']}", "has") if path else None

    def compared(self, op: str, body: Any) -> Tree | None:
        for left, right, turned in (("left", "right", op), ("right", "left", TURNED[op])):
            path, value = path_of(body[left]), value_of(body[right])
            if path and value is not None:
                return self.known(path, turned, value)
        return self.principal(body) if op == "==" else None

    def known(self, path: str, op: str, value: Any) -> Tree | None:
        if path.startswith("resource."):
            here = self.resource.get(path.removeprefix("resource."))
            return (YES if here == value else NO) if op == "==" else None
        if isinstance(value, bool):
            return leaf(path, "is") if value else negated(leaf(path, "is"))
        if isinstance(value, str) and op != "==":
            return None
        return leaf(path, op, value)

    def principal(self, body: Any) -> Tree | None:
        named = body["right"].get("Value") if body["left"] == {"Var": "principal"} else None
        entity = named.get("__entity") if isinstance(named, Mapping) else None
        return entity_tree(entity) if entity else None

    def unequal(self, op: str, body: Any) -> Tree | None:
        found = self.compared("==", body)
        return negated(found) if found is not None else None

    def contained(self, op: str, body: Any) -> Tree | None:
        path = path_of(body["right"])
        if path and "Set" in body["left"]:
            values = [value_of(item) for item in body["left"]["Set"]]
            if all(isinstance(value, (str, int, Decimal)) for value in values):
                return either(*(self.known(path, "==", value) or NO for value in values))
        owner, value = path_of(body["left"]), value_of(body["right"])
        if owner == "approvals":
            return NO
        if owner and value is not None:
            return leaf(f"{owner} contains {value}", "is")
        return None


METHODS = {
    "&&": "joined",
    "||": "joined",
    "!": "inverted",
    "if-then-else": "chosen",
    "Value": "constant",
    ".": "attribute",
    "has": "present",
    "<": "compared",
    "<=": "compared",
    ">": "compared",
    ">=": "compared",
    "==": "compared",
    "!=": "unequal",
    "contains": "contained",
}


def opaque(node: Mapping[str, Any]) -> Tree:
    """Something that constants cannot cut: it may hold or not."""
    return leaf(f"“{words_of(node)}”", "is")


def path_of(node: Mapping[str, Any]) -> str:
    """`facts.amount` for context.facts.amount, "" for anything that is no attribute."""
    if node == {"Var": "context"}:
        return "context"
    if node == {"Var": "resource"}:
        return "resource"
    if "toTime" in node:
        inner = path_of(node["toTime"][0])
        return f"{inner}.time" if inner else ""
    if "." not in node:
        return ""
    owner = path_of(node["."]["left"])
    if not owner:
        return ""
    name = str(node["."]["attr"])
    return name if owner == "context" else f"{owner}.{name}"


def value_of(node: Mapping[str, Any]) -> Any:
    """A constant: text, truth value, or a number (moments and durations in milliseconds)."""
    if "Value" in node:
        value = node["Value"]
        return value if isinstance(value, (str, bool, int)) else None
    for name, convert in (("decimal", Decimal), ("datetime", moment), ("duration", duration)):
        if name in node:
            text = node[name][0].get("Value")
            return convert(text) if isinstance(text, str) else None
    return None


def moment(text: str) -> int:
    found = dt.datetime.fromisoformat(text)
    found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return int((found - EPOCH) / dt.timedelta(milliseconds=1))


def duration(text: str) -> int:
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no duration.")
    days, hours, minutes, seconds, milli = (int(part or 0) for part in found.groups()[1:])
    total = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milli
    return -total if found.group(1) else total


def words_of(node: Any) -> str:
    """A short text of an expression that stands for itself."""
    if isinstance(node, Mapping) and (path := path_of(node)):
        return path
    if isinstance(node, Mapping) and len(node) == 1:
        (op, body), *_ = node.items()
        if op == "Value":
            return json.dumps(body, ensure_ascii=False)
        if op == "like":
            return f"{words_of(body['left'])} like {pattern_of(body['pattern'])}"
        if isinstance(body, Mapping) and {"left", "right"} <= set(body):
            return f"{words_of(body['left'])} {op} {words_of(body['right'])}"
    return json.dumps(node, sort_keys=True, ensure_ascii=False)[:120]


def pattern_of(parts: Any) -> str:
    return "".join("*" if part == "Wildcard" else str(part["Literal"]) for part in parts)
