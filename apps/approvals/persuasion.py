"""Signs that a request tries to persuade its reader, or a model that reads along. Signals for
people and never a reason to allow; their rates are not measured. No database, no clock.

Texts are looked at after NFKC and without invisible characters, so that a sign does not hide
behind a wide letter or a zero-width space; the invisible characters are themselves a sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 20_000
AROUND = 40
MOST = 12
SPACES = r"[\s\-_]{1,3}"


@dataclass(frozen=True)
class Sign:
    """What was found, where, and the words around it with what is invisible made visible."""

    kind: str
    words: str
    place: str
    excerpt: str


KINDS: dict[str, str] = {
    "urgency": "Presses for haste",
    "authority": "Invokes somebody's authority",
    "approved": "Says that it is approved or checked already",
    "secrecy": "Asks to keep it quiet, or to leave the usual way",
    "override": "Tells the reader to set its instructions aside",
    "role": "Poses as a system or assistant message",
    "encoded": "Carries encoded text with instructions for decoding it",
    "invisible": "Contains characters that cannot be seen",
}


def spaced(text: str) -> str:
    return text.replace(" ", SPACES)


PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(spaced(pattern), re.IGNORECASE))
    for kind, pattern in (
        (
            "urgency",
            r"\b(?:urgent(?:ly)?|asap|immediately|right away|without delay|time critical"
            r"|final (?:notice|reminder|warning)|last chance|before it is too late"
            r"|or (?:we|you) (?:will )?(?:lose|miss)|deadline (?:is )?(?:today|now))\b",
        ),
        (
            "authority",
            r"\b(?:on (?:the )?(?:orders|instructions|behalf) of (?:the |our )?"
            r"(?:ceo|cfo|chief|director|board|management|president|minister)"
            r"|(?:the |our )?(?:ceo|cfo|managing director|board|chair(?:man|woman)?|auditors?"
            r"|regulator|legal(?: department)?) (?:has |have )?"
            r"(?:asked|instructed|ordered|insists?|demands?|requires?|wants?|told))\b",
        ),
        (
            "approved",
            r"\b(?:(?:already|previously|pre|fully) (?:been )?"
            r"(?:approved|authori[sz]ed|verified|checked|cleared|confirmed|signed off)"
            r"|(?:approved|authori[sz]ed|cleared|signed off) (?:already|by (?:the |our )?"
            r"(?:ceo|cfo|board|management|legal|compliance|security|finance))"
            r"|no (?:further|additional|more) (?:review|approval|checks?|verification)"
            r"|safe to approve|just approve|please approve|rubber stamp)\b",
        ),
        (
            "secrecy",
            r"\b(?:keep (?:this|it) (?:between us|quiet|secret|confidential)"
            r"|do not (?:tell|inform|contact|call|verify|check|escalate|mention)"
            r"|don['’]t (?:tell|inform|contact|call|verify|check|escalate|mention)"
            r"|bypass|skip the (?:check|review|approval)s?|off the record)\b",
        ),
        (
            "override",
            r"\b(?:(?:ignore|disregard|forget|override) (?:all |any |the |your |my )*"
            r"(?:(?:previous|prior|above|earlier|existing|other) )?"
            r"(?:instructions?|rules?|polic(?:y|ies)|guidelines?|prompts?|context)"
            r"|you are now|from now on you|new instructions?:|act as (?:if|an?|the)"
            r"|reveal (?:your|the) (?:system )?prompt)\b",
        ),
        (
            "role",
            r"(?:<\|?(?:im_start|im_end|system|assistant|user|endoftext)\|?>"
            r"|\[/?(?:inst|system)\]|<<sys>>|(?:^|\n)\s*#{0,3}\s*(?:system|assistant)\s*:)",
        ),
        (
            "encoded",
            r"\b(?:base[\s\-_]?64|rot[\s\-_]?13|hex) (?:de|en)?cod\w*|decode (?:this|the following)"
            r"|[a-z0-9+/]{120,}={0,2}",
        ),
    )
)
HIDDEN_CATEGORIES = frozenset({"Cf", "Co", "Cn", "Cs"})
ORDINARY = frozenset("\u00ad\u200c\u200d")
"""Soft hyphens and joiners that honest words and emoji use; one by itself is no sign."""


def is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in HIDDEN_CATEGORIES or sign in "\u115f\u1160\u3164\u2800"


def revealed(text: str) -> str:
    """The text with what cannot be seen spelt out; tag characters as the letters they carry."""
    return "".join(seen(sign) for sign in text)


def seen(sign: str) -> str:
    if not is_hidden(sign):
        return sign
    number = ord(sign)
    if 0xE0020 <= number <= 0xE007E:
        return f"⟦hidden “{chr(number - 0xE0000)}”⟧"
    return f"⟦U+{number:04X}⟧"


def plain(text: str) -> str:
    """What the words are once widths, ligatures and invisible characters are out of the way."""
    normal = unicodedata.normalize("NFKC", text[:LONGEST])
    return "".join(sign for sign in normal if not is_hidden(sign))


def signs(text: str, place: str = "") -> list[Sign]:
    """At most one sign of each kind in one text, in the order of KINDS."""
    text = text[:LONGEST]
    found = {}
    bare = plain(text)
    for kind, pattern in PATTERNS:
        if match := pattern.search(bare):
            found[kind] = around(bare, match.start(), match.end())
    hidden = [index for index, sign in enumerate(text) if is_hidden(sign)]
    if [index for index in hidden if text[index] not in ORDINARY] or len(hidden) > 2:
        first = next((i for i in hidden if text[i] not in ORDINARY), hidden[0])
        start = max(0, first - AROUND)
        found["invisible"] = revealed(text[start : first + AROUND])
    return [Sign(kind, KINDS[kind], place, found[kind]) for kind in KINDS if kind in found]


def around(text: str, start: int, end: int) -> str:
    head = "…" if start > AROUND else ""
    tail = "…" if end + AROUND < len(text) else ""
    cut = text[max(0, start - AROUND) : min(end, start + 120) + AROUND]
    return f"{head}{' '.join(cut.split())}{tail}"


PLACES = (
    ("purpose", "the agent's purpose"),
    ("claims", "what the agent claims"),
    ("arguments", "the arguments"),
    ("trigger", "what started it"),
    ("used", "what the agent read"),
)


def signs_in(evidence: Mapping[str, Any]) -> list[Sign]:
    """Every sign in the texts that the agent or the outside world wrote; facts of the
    organisation's own records are left out."""
    found = []
    for name, place in PLACES:
        for text in texts(evidence.get(name)):
            found += signs(text, place)
            if len(found) >= MOST:
                return found[:MOST]
    return found


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)
