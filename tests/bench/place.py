"""A place to measure in: a folder and database of its own, and rounds that alternate."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One line of the table; `ours` and `baseline` in milliseconds unless `unit` says otherwise."""

    recipe: str
    ours: float
    baseline: float
    goal: str
    met: bool
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline if self.baseline else float("nan")

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "ratio": round(self.ratio, 3)}


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="council-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def per_call(work: Callable[[], object], times: int) -> float:
    """Milliseconds per call."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) * 1000 / times


def alternating(times: int, **works: Callable[[], object]) -> dict[str, float]:
    """The median over rounds in which the candidates take turns, so that a noisy neighbour hits
    all of them."""
    samples: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        per_call(work, max(3, times // 10))
    for _ in range(ROUNDS):
        for name, work in works.items():
            samples[name].append(per_call(work, times))
    return {name: statistics.median(found) for name, found in samples.items()}


def table(rows: list[Row]) -> str:
    lines = ["| recipe | ours | baseline | ratio | goal | met |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.recipe} | {row.ours:.2f} {row.unit} | {row.baseline:.2f} {row.unit} "
        f"| {row.ratio:.2f} | {row.goal} | {'yes' if row.met else 'no'} |"
        for row in rows
    ]
    return "\n".join(lines)
