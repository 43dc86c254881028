"""Patterns that spoil event logs, after Suriadi, Andrews, ter Hofstede & Wynn (2017)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

import polars as pl

from apps.readiness.mining.results import EventLog, Imperfection
from apps.readiness.mining.variants import case_starts

EXAMPLES = 5
BATCH_SHARE = 0.05
DATE_ONLY_SHARE = 0.5
MOST_LABELS = 500
COMMON_END = 0.05


def imperfections(log: EventLog, *, now: datetime | None = None) -> tuple[Imperfection, ...]:
    """Those that were found; an empty answer says that none was."""
    found = [
        same_moment(log),
        date_only(log),
        ends_before_starts(log),
        duplicates(log),
        in_the_future(log, now),
        missing_cases(log),
        mixed_zones(log),
        cut_off(log),
        *near_labels(log),
    ]
    return tuple(each for each in found if each is not None)


def examples(frame: pl.DataFrame) -> tuple[str, ...]:
    return tuple(frame["case"].unique(maintain_order=True).head(EXAMPLES).to_list())


def same_moment(log: EventLog) -> Imperfection | None:
    """Form-based capture: what was typed in at once and happened apart."""
    case, at = pl.col("case_no"), pl.col("at")
    together = ((case == case.shift()) & (at == at.shift())).fill_null(False)
    batch = log.frame.filter(together | together.shift(-1).fill_null(False))
    if batch.height <= BATCH_SHARE * log.events:
        return None
    message = "Events of a case carry the same moment, as if a form had been saved once for all."
    return Imperfection("form_based", message, batch.height, log.events, examples(batch))


def date_only(log: EventLog) -> Imperfection | None:
    """Midnight in any one zone: every moment lies at the same time of day, on the full hour."""
    of_day = log.frame.select(pl.col("at").dt.time().alias("time"))["time"]
    top = of_day.value_counts(sort=True).row(0)
    if top[1] <= DATE_ONLY_SHARE * log.events or top[0].minute % 15 or top[0].second:
        return None
    message = f"Most moments are at {top[0]:%H:%M} UTC: probably dates without a time of day."
    return Imperfection("date_only", message, top[1], log.events)


def ends_before_starts(log: EventLog) -> Imperfection | None:
    bad = log.frame.filter(pl.col("start_at") > pl.col("at"))
    if not bad.height:
        return None
    message = "Steps end before they start."
    return Imperfection("end_before_start", message, bad.height, log.events, examples(bad))


def duplicates(log: EventLog) -> Imperfection | None:
    key = log.frame.select("case_no", "activity", "at", "resource")
    twice = log.frame.filter(key.is_duplicated())
    if not twice.height:
        return None
    message = "Events of the same case, step, moment and person are recorded more than once."
    return Imperfection("duplicates", message, twice.height, log.events, examples(twice))


def in_the_future(log: EventLog, now: datetime | None) -> Imperfection | None:
    later = log.frame.filter(pl.col("at") > now) if now is not None else log.frame.clear()
    if not later.height:
        return None
    message = "Events lie in the future."
    return Imperfection("future", message, later.height, log.events, examples(later))


def missing_cases(log: EventLog) -> Imperfection | None:
    lost = log.fault_counts.get("no_case", 0)
    if not lost:
        return None
    return Imperfection("no_case", "Rows name no case and were left out.", lost, log.events + lost)


def mixed_zones(log: EventLog) -> Imperfection | None:
    mixed = log.fault_counts.get("mixed_zones", 0)
    if not mixed:
        return None
    message = "Some moments name a time zone and some do not; those were read in the stated zone."
    return Imperfection("mixed_zones", message, mixed, log.events)


def cut_off(log: EventLog) -> Imperfection | None:
    """Cases open at either end: they start (end) with an activity that fewer than 5 % of cases
    start (end) with."""
    starts = case_starts(log)
    ends = [*(starts[1:] - 1), log.events - 1]
    heads = log.frame.select("case", pl.col("activity").cast(pl.String))
    odd: set[str] = set()
    for rows in (heads[starts], heads[ends]):
        counts = rows["activity"].value_counts()
        rare = counts.filter(pl.col("count") < COMMON_END * rows.height)["activity"].to_list()
        odd.update(rows.filter(pl.col("activity").is_in(rare))["case"].to_list())
    if not odd:
        return None
    message = "Cases seem to have begun before the log or to go on after it."
    return Imperfection("cut_off", message, len(odd), len(starts), tuple(sorted(odd)[:EXAMPLES]))


def near_labels(log: EventLog) -> Iterator[Imperfection]:
    """Names that differ by case, white space or one letter: probably one activity."""
    counts = dict(log.frame["activity"].cast(pl.String).value_counts().rows())
    folded: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts):
        folded["".join(name.casefold().split())].append(name)
    for names in folded.values():
        if len(names) > 1:
            yield near(names, counts, log)
    if len(folded) > MOST_LABELS:
        return
    for one, other in combinations(sorted(folded), 2):
        if min(len(one), len(other)) > 4 and one_letter_apart(one, other):
            yield near([folded[one][0], folded[other][0]], counts, log)


def near(names: list[str], counts: dict[str, int], log: EventLog) -> Imperfection:
    said = " and ".join(f"“{name}”" for name in names)
    rarer = sum(sorted(counts[name] for name in names)[:-1])
    return Imperfection("near_labels", f"{said} may be one step.", rarer, log.events, tuple(names))


def one_letter_apart(one: str, other: str) -> bool:
    """One letter changed, added or left out. A number that differs is another thing."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    short, long = sorted((one, other), key=len)
    place = next((n for n, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    place = len(short) if place is None else place
    if long[place].isdigit() or (place < len(short) and short[place].isdigit()):
        return False
    if len(short) == len(long):
        return short[place + 1 :] == long[place + 1 :]
    return short[place:] == long[place + 1 :]
