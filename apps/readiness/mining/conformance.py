"""What was done against what is documented."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from apps.readiness.mining.events import Progress
from apps.readiness.mining.nets import STATE_CAP, Aligner, Net
from apps.readiness.mining.results import (
    Alignment,
    Conformance,
    Deviation,
    EventLog,
    Variant,
    Variants,
)
from apps.readiness.mining.variants import variants


@dataclass
class Tally:
    cases: int = 0
    times: int = 0
    example: str = ""

    def add(self, variant: Variant, times: int) -> None:
        self.cases += variant.cases
        self.times += variant.cases * times
        self.example = self.example or variant.example


def conformance(
    log: EventLog,
    net: Net,
    *,
    found: Variants | None = None,
    unsanctioned: Collection[str] = (),
    cap: int = STATE_CAP,
    aligner: Aligner | None = None,
    progress: Progress | None = None,
) -> Conformance:
    """Aligns every variant once and weighs it by its cases. Shadow work: done but nowhere in the
    document, or a documented step done on a system in `unsanctioned`. An activity that is both
    left out and done elsewhere in one alignment broke the order, and is not called skipped."""
    found = found or variants(log)
    aligner = aligner or Aligner(net, cap)
    alignments: list[Alignment] = []
    kinds: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    done = 0
    for each in found.variants:
        answer = aligner.align(each.activities)
        cost, moves = answer if answer is not None else (None, ())
        alignments.append(Alignment(each.activities, each.cases, cost, moves))
        count(kinds, each, alignments[-1], net)
        done += each.cases
        if progress:
            progress(done / found.cases, done)
    fitting = sum(each.cases for each in alignments if each.cost == 0)
    computed = sum(each.cases for each in alignments if each.cost is not None)
    shadow = deviations(kinds["shadow"])
    return Conformance(
        fit_share=fitting / computed if computed else None,
        fitting_cases=fitting,
        computed_cases=computed,
        not_computed_cases=found.cases - computed,
        shadow_work=ranked((*shadow, *on_systems(log, net, unsanctioned))),
        extra_work=deviations(kinds["extra"]),
        skipped_controls=deviations(kinds["skipped"]),
        order_violations=deviations(kinds["order"]),
        alignments=tuple(alignments),
    )


def count(
    kinds: dict[str, dict[str, Tally]], variant: Variant, alignment: Alignment, net: Net
) -> None:
    done = [move.activity for move in alignment.moves if move.kind == "log"]
    missed = [move.activity for move in alignment.moves if move.kind == "model"]
    for name in sorted({*done, *missed}):
        more, less = done.count(name), missed.count(name)
        if more and less:
            kind, times = "order", min(more, less)
        elif less:
            kind, times = "skipped", less
        else:
            kind, times = ("extra" if name in net.labels else "shadow"), more
        kinds[kind][name].add(variant, times)


def on_systems(log: EventLog, net: Net, unsanctioned: Collection[str]) -> Iterable[Deviation]:
    """Documented steps that were done on systems that nobody sanctioned."""
    if not unsanctioned:
        return
    events = log.frame.filter(
        pl.col("system").is_in(list(unsanctioned))
        & pl.col("activity").cast(pl.String).is_in(list(net.labels))
    )
    grouped = events.group_by(pl.col("activity").cast(pl.String), "system").agg(
        pl.col("case_no").n_unique().alias("cases"), pl.len(), pl.col("case").first()
    )
    for activity, system, cases, times, example in grouped.sort("activity", "system").rows():
        yield Deviation(f"{activity} (in {system})", cases, times, example)


def deviations(tallies: dict[str, Tally]) -> tuple[Deviation, ...]:
    return ranked(
        Deviation(name, each.cases, each.times, each.example) for name, each in tallies.items()
    )


def ranked(found: Iterable[Deviation]) -> tuple[Deviation, ...]:
    return tuple(sorted(found, key=lambda each: (-each.cases, each.activity)))
