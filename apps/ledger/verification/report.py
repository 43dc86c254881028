"""What a verification found, in numbers and in words. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MOST_PROBLEMS = 50


@dataclass
class Report:
    """Counts of what was looked at and held; `problems` in the order of the ledger, the first
    fifty of `problem_count`; `gaps` are what could not be covered, and why."""

    events: int = 0
    last_seq: int = 0
    purged: int = 0
    seals: int = 0
    unsigned_seals: int = 0
    checkpoints: int = 0
    outside: int = 0
    history_rows: int = 0
    unbound_rows: int = 0
    texts: int = 0
    erased_texts: int = 0
    unsealed: int = 0
    late: int = 0
    problem_count: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def intact(self) -> bool:
        return not self.problem_count

    def broken(self, sentence: str, seq: int | None = None) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append({"seq": seq, "sentence": sentence})

    def gap(self, sentence: str) -> None:
        self.gaps.append(sentence)

    @property
    def covered(self) -> str:
        """`events 1–81,220, seals 1–4,061, checkpoints 1–912, history rows 14,002`"""
        parts = [
            span("event", self.last_seq),
            span("seal", self.seals),
            span("checkpoint", self.checkpoints) if self.checkpoints else "no checkpoint",
            f"history rows {self.history_rows:,}",
        ]
        if self.texts:
            parts.append(f"typed texts {self.texts:,}")
        return ", ".join(parts)

    @property
    def verdict(self) -> str:
        """One sentence, with the first broken place."""
        if not self.intact:
            return f"Broken: {self.problems[0]['sentence']}"
        if not self.last_seq:
            return "Nothing is sealed yet."
        return f"Intact to event {self.last_seq:,}."

    @property
    def not_covered(self) -> str:
        return "; ".join(self.gaps) if self.gaps else "nothing was left out"

    def as_json(self) -> dict[str, Any]:
        words = {
            "covered": self.covered, "verdict": self.verdict, "not_covered": self.not_covered,
        }  # fmt: skip
        return {**asdict(self), **words}


def span(noun: str, last: int) -> str:
    return f"{noun}s 1–{last:,}" if last > 1 else f"{noun} 1" if last else f"no {noun}"


def many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
