"""Which acts on record are signals, and when a group of them opens an incident. No database."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """What an act of the ledger means as a signal: its words, how grave it is taken to be, how many
    within an hour open an incident (0: only a person does), and the words of that incident where
    they say more than the signal's."""

    words: str
    severity: int
    opens: int
    kind: str = "issue"
    opened: str = ""

    @property
    def title(self) -> str:
        return self.opened or self.words


SOURCES: dict[str, Source] = {
    "ledger.broken": Source("The ledger does not verify", 1, 1, "event"),
    "action.in_doubt": Source("Nobody knows whether an action happened", 3, 1),
    "action.failed": Source("An action failed", 4, 5),
    "action.undone": Source("An action was taken back", 3, 1, "event"),
    "action.objected": Source("Others objected to what an action did", 3, 1, "event"),
    "action.undo_refused": Source("An action could not be taken back", 3, 1, "event"),
    "action.denied": Source("The gate refused an action", 4, 5, "near_miss"),
    "step.dead": Source("A step gave up", 3, 1),
    "run.stuck": Source("A run needs a person", 3, 1),
    "circuit.opened": Source("A tool kept failing", 3, 1),
    "approval.rejected": Source("A person refused an action", 4, 5, "near_miss"),
    "approval.exhausted": Source("A wish was refused three times", 4, 1, "near_miss"),
    "incident.run_imported": Source(
        "A run of an agent elsewhere", 3, 0, opened="A run of an agent elsewhere was harmful"
    ),
    "skipped.reviewed": Source("An action that nobody saw was found wrong", 3, 1, "event"),
}
WINDOW = dt.timedelta(hours=1)
# Reasons of a person's no that say more than "not like this".
HARM = frozenset({"suspicious", "against-rules"})


@dataclass(frozen=True)
class Raw:
    """One signal before it has a group."""

    event_id: uuid.UUID
    source: str
    at: dt.datetime
    tool: str = ""
    code: str = ""
    message: str = ""
    agent: str = ""
    run_id: uuid.UUID | None = None
    object_type: str = ""
    object_id: str = ""
    harmful: bool = False

    @property
    def grave(self) -> bool:
        """A person said that it would have harmed, or did: one is enough."""
        return self.harmful or (self.source == "approval.rejected" and self.code in HARM)


def opens(source: str, lately: int, *, grave: bool) -> bool:
    """Whether so many signals of the last hour open an incident by themselves."""
    needed = SOURCES[source].opens
    return grave or (needed > 0 and lately >= needed)


@dataclass(frozen=True)
class Line:
    """One moment of a timeline: an event of the ledger, somebody's note, or a gap."""

    at: dt.datetime
    words: str
    who: str = ""
    reference: str = ""
    kind: str = "event"


GAP = dt.timedelta(hours=1)


def with_gaps(lines: list[Line]) -> list[Line]:
    """The lines in order, with what is not known between them marked."""
    found: list[Line] = []
    for line in sorted(lines, key=lambda each: each.at):
        if found and line.at - found[-1].at > GAP:
            hours = (line.at - found[-1].at) / dt.timedelta(hours=1)
            found.append(Line(found[-1].at, f"Nothing on record for {hours:.1f} h", kind="gap"))
        found.append(line)
    return found


# OWASP Top 10 for Agentic Applications, December 2025.
ASI: dict[str, str] = {
    "ASI01": "Goal hijack",
    "ASI02": "Tool misuse",
    "ASI03": "Identity and privilege abuse",
    "ASI04": "Supply chain",
    "ASI05": "Unexpected code execution",
    "ASI06": "Memory and context poisoning",
    "ASI07": "Insecure communication between agents",
    "ASI08": "Cascading failures",
    "ASI09": "Exploitation of people's trust",
    "ASI10": "Rogue agents",
}
