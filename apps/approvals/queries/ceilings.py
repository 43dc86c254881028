"""How far the readiness of a process lets agents go, as the gate asks it for one action."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.approvals.ceilings import MOSTLY, NOT_YET, READINESS, floor
from apps.policies.rules import Reason
from apps.readiness import directory
from apps.readiness.directory import Standing


@dataclass(frozen=True)
class Ceiling:
    """The least ready of the processes that an action belongs to. `floor` is the least percentage
    of such actions that people see: 0 leaves them as they are, None lets agents only observe."""

    process: Standing
    floor: int | None

    @property
    def where(self) -> str:
        return f"readiness map, {self.process.slug}"

    @property
    def refused(self) -> str:
        found = self.process
        if not found.known:
            why = f"Nobody has put the process “{found.slug}” in the inventory"
        elif found.level == NOT_YET:
            why = f"The process “{found.name}” is not yet ready for agents (level 1, Not yet)"
        else:
            why = f"The process “{found.name}” was never assessed (level 0, Not assessed)"
        return f"{why}, so agents only observe in it. See: {self.where}."

    @property
    def asked(self) -> str:
        share = "one change in five" if self.process.level == MOSTLY else "every change"
        most = "at least " * (self.process.level == MOSTLY)
        return f"{self.level}, so people see {most}{share} that agents make in it ({self.where})."

    @property
    def not_drawn(self) -> str:
        return (
            f"{self.level}, so people see at least one change in five that agents make in it; this "
            f"one was not drawn ({self.where})."
        )

    @property
    def level(self) -> str:
        found = self.process
        return f"The process “{found.name}” is {found.words.lower()} ready (level {found.level})"

    def reason(self, sentence: str) -> Reason:
        """Its version is the level: an approval given at one level is judged anew at another."""
        return Reason(READINESS, "", self.process.level, sentence, "ceiling")


def ceiling_over(slugs: Iterable[str], effect: str, stamp: int) -> Ceiling | None:
    """What bounds an action of this effect that belongs to these processes ("" is none of them),
    at the stamp of readiness; None where no process is named. The lowest level counts."""
    named = [directory.standing(slug, stamp) for slug in dict.fromkeys(slugs) if slug]
    if not named:
        return None
    lowest = min(named, key=lambda each: each.level)
    return Ceiling(lowest, floor(lowest.level, effect))
