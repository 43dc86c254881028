"""Whether what people approved is what was done: pure comparison of digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.common.canonical import digest

MATCHES, DIFFERS, NONE_REQUIRED, NONE_FOUND = "matches", "differs", "none_required", "none_found"
REFUSED = "refused"
MASK = "agk_…"
SENTENCES = {
    MATCHES: "What was approved is, to the letter, what was carried out.",
    DIFFERS: "What was approved is not what is on record of the action.",
    NONE_REQUIRED: "No person had to approve: the policies allowed it by themselves.",
    REFUSED: "It was refused without asking anybody.",
    NONE_FOUND: "The policies asked for people, and no approval is on record.",
}
TONES = {
    MATCHES: ("ok", "Matches"),
    DIFFERS: ("danger", "Differs"),
    NONE_REQUIRED: ("mute", "None required"),
    REFUSED: ("mute", "Nobody asked"),
    NONE_FOUND: ("danger", "None found"),
}


@dataclass(frozen=True)
class Binding:
    """`result` is one of the five words; `differing` says in sentences what does not agree."""

    result: str
    recomputed: str = ""
    differing: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return SENTENCES[self.result]

    @property
    def tone(self) -> str:
        return TONES[self.result][0]

    @property
    def word(self) -> str:
        return TONES[self.result][1]


def recomputed(
    wish: Mapping[str, Any], agent_label: str, tool_pin: str, evidence: Mapping[str, Any],
    rules: Iterable[str],
) -> str:  # fmt: skip
    """The digest that an approval is bound to, from the record alone. "" where the record masks a
    secret that was part of it."""
    if MASK in repr(wish):
        return ""
    told = evidence.get("will_happen", {})
    version = agent_label.rpartition("@")[2]
    return digest(
        {
            **wish,
            "agent_version": int(version) if version.isdigit() else version,
            "tool_pin": tool_pin,
            "target": {"before": told.get("before", {}), "after": told.get("after", {})},
            "rules": sorted(rules),
        }
    )


def compare(
    *, action: str, request: str, votes: Iterable[tuple[str, str]], recomputed: str
) -> Binding:
    """`action` and `request` are stored digests; `votes` are (name, digest on the screen)."""
    found = []
    if action != request:
        found.append("The request is bound to another digest than the action.")
    if recomputed and recomputed != request:
        found.append("The digest computed anew from the record is not the one approved.")
    found += [f"{name} saw another digest." for name, seen in votes if seen != request]
    return Binding(DIFFERS if found else MATCHES, recomputed, tuple(found))
