"""Known-answer items: one defect planted in a copy of what people really decided. No database, no
clock, and no knowledge of any one tool: what to change is data."""

from __future__ import annotations

import copy
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OPERATIONS = ("set", "times", "digits", "append")
WHOLE = 2**32


@dataclass(frozen=True)
class Planted:
    title: str
    summary: str
    evidence: dict[str, Any]


class Unfit(ValueError):
    """The past item lacks what the template changes."""


def edits_problem(edits: Any) -> str:
    """Why this is no list of edits; "" when it is one."""
    if not isinstance(edits, list):
        return "Give a list of edits."
    for edit in edits:
        if not isinstance(edit, dict) or not isinstance(edit.get("path"), str):
            return "Each edit names a path, for instance arguments.amount."
        if edit.get("do") not in OPERATIONS:
            return f"Each edit does one of: {', '.join(OPERATIONS)}."
        if edit["do"] == "times" and not isinstance(edit.get("value"), int | float):
            return "“times” needs a number."
        if edit["do"] == "append" and not isinstance(edit.get("value"), str):
            return "“append” needs a text."
    return ""


def plant(
    title: str, summary: str, evidence: Mapping[str, Any], edits: Sequence[Mapping[str, Any]]
) -> Planted:
    """The item with every edit made, and the changed values followed through titles and
    sentences, so that it does not give itself away. Raises Unfit."""
    whole: dict[str, Any] = {
        "title": title,
        "summary": summary,
        **copy.deepcopy(dict(evidence)),
    }
    whole.pop("judged_id", None)
    whole["changed"] = []
    echoes: dict[str, str] = {}
    for edit in edits:
        holder, name = place_of(whole, str(edit["path"]))
        old = holder[name]
        new = changed(old, edit)
        holder[name] = new
        echoes.update(spellings(old, new))
    echoed: dict[str, Any] = followed(whole, echoes)
    return Planted(str(echoed.pop("title"))[:200], str(echoed.pop("summary")), echoed)


def place_of(whole: dict[str, Any], path: str) -> tuple[Any, Any]:
    """The mapping or list that holds the value of `a.b.0.c`, and its key there."""
    *steps, last = path.split(".")
    holder: Any = whole
    for step in steps:
        holder = child(holder, step, path)
    child(holder, last, path)
    return holder, int(last) if isinstance(holder, list) else last


def child(holder: Any, step: str, path: str) -> Any:
    try:
        return holder[int(step)] if isinstance(holder, list) else holder[step]
    except (KeyError, IndexError, TypeError, ValueError):
        raise Unfit(f"The item has no {path}.") from None


def changed(old: Any, edit: Mapping[str, Any]) -> Any:
    match edit["do"]:
        case "times":
            if not isinstance(old, int | float) or isinstance(old, bool):
                raise Unfit(f"{edit['path']} is no number.")
            new = old * edit["value"]
            return int(new) if isinstance(old, int) and float(new).is_integer() else new
        case "digits":
            return other_digits(str(old), str(edit["path"]))
        case "append":
            return f"{old} {edit['value']}".strip()
    return edit.get("value")


def other_digits(text: str, path: str) -> str:
    """The last two different digits change places: the slip of a pen, or worse."""
    found = [index for index, sign in enumerate(text) if sign.isdigit()]
    for first, second in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        if text[first] != text[second]:
            signs = list(text)
            signs[first], signs[second] = signs[second], signs[first]
            return "".join(signs)
    raise Unfit(f"{path} has no two different digits.")


def spellings(old: Any, new: Any) -> dict[str, str]:
    """How an old value may be written in sentences, and how the new one is."""
    if isinstance(old, bool) or old is None:
        return {}
    if isinstance(old, int) and isinstance(new, int):
        forms = (str, "{:,}".format, lambda value: f"{value / 100:,.2f}")
        return {form(old): form(new) for form in forms if len(form(old)) > 2}
    old_text, new_text = str(old), str(new)
    return {old_text: new_text} if len(old_text) > 3 and not new_text.startswith(old_text) else {}


def followed(value: Any, echoes: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: followed(each, echoes) for name, each in value.items()}
    if isinstance(value, list):
        return [followed(each, echoes) for each in value]
    if isinstance(value, str):
        for old, new in echoes.items():
            value = new if value == old else value.replace(old, new)
    return value


def lot(secret: str, *parts: object) -> int:
    """HMAC over what is drawn for: neither to be predicted nor drawn again."""
    text = "|".join(map(str, parts))
    drawn = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return int.from_bytes(drawn[:4], "big")


def selected(secret: str, permille: int, *parts: object) -> bool:
    return lot(secret, *parts) * 1000 < permille * WHOLE


LOWEST = 0.7
ENOUGH_TO_TELL = 5
LAST = 5
MISSES = 2
SAY = 30


def misses_too_often(right: Sequence[bool]) -> bool:
    """Two misses among a person's last five known-answer items, newest first."""
    return sum(not each for each in right[:LAST]) >= MISSES


def low(hits: int, number: int) -> bool:
    return number >= ENOUGH_TO_TELL and hits / number < LOWEST


def run_of(choices: Sequence[str]) -> int:
    """How many approvals in a row a person has just given, newest first."""
    return next((n for n, choice in enumerate(choices) if choice != "approve"), len(choices))
